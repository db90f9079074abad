/**
 * Words whose full stop usually does not end a sentence, by language. Four kinds, because what follows decides:
 * `titles` stand before a name and are written exactly so; `inner` never end a sentence; `number` are abbreviations
 * only before a number ("No. 5", but "No. I won't."); `either` may end a sentence when a capital follows.
 * Words of the last three kinds match in any case. Inner full stops are kept, the last one is left out.
 *
 * `starters` are capitalised words that so often begin a sentence that even an initial ("Plan B. The …") ends there.
 */
interface Words {
  titles: string;
  inner: string;
  number: string;
  either: string;
  starters: string;
}

const languages: Record<string, Words> = {
  en: {
    titles:
      'Mr Mrs Ms Mx Dr Drs Prof St Ste Gen Sen Rep Gov Capt Cpt Cmdr Lt Col Maj Sgt Cpl Pvt Adm Rev Hon Pres Supt Messrs Fr Br',
    inner: 'e.g i.e vs cf viz approx resp esp incl excl',
    number: 'no nos p pp fig figs vol vols ch chap sec art para par eq ex tab app pt ver ca c',
    either:
      'etc inc ltd co corp bros jr sr esq dept univ assn ave blvd rd hwy mt ft a.m p.m b.c a.d ph.d m.d b.a m.a u.s u.k jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun min max est al',
    starters:
      'The This That These Those There Then They He She It We You My His Her Its Our Their Your But And So If When While After Before However What Why How Who Where Which For As At By On Not Now Here Yes No Please Let',
  },
  de: {
    titles: 'Hr Hrn Fr Dr Prof Dipl Ing Mag St Frl Dres',
    inner:
      'z.b d.h u.a u.u z.t i.d.r i.a i.v m.e o.ä s.o s.u v.a bzw ca vgl evtl ggf inkl exkl zzgl sog gem bzgl einschl insb lt mind urspr zb dh ua',
    number: 'nr nrn abs art bd s st kap abb tab ziff anm vers rn str aufl jg',
    either: 'usw usf etc u.v.m n.chr v.chr jh jhd mio mrd tsd std min sek tel gmbh',
    starters:
      'Der Die Das Dem Den Ein Eine Einen Er Sie Es Wir Ihr Ich Du Dann Danach Aber Und Oder Doch Auch Wenn Als Da Dort Hier Nun Jetzt Was Wer Wie Wo Warum Wann Für Dies Diese Dieser Dieses So Nach Bei Mit Trotzdem Deshalb Daher Heute Bitte',
  },
  fr: {
    titles: 'M MM Mr Me Dr Pr St Ste Mgr',
    inner: 'p.ex c.-à-d c.à.d cf env av apr j.-c',
    number: 'p pp n no art chap fig vol t éd ex § al',
    either: 'etc bd boul tél janv févr avr juil sept oct nov déc lun mar mer jeu ven sam dim',
    starters:
      'Le Les Un Une Des Il Elle Ils Elles Je Tu Nous Vous On Ce Cette Ces Mais Et Puis Alors Dans En Au Aux Pour Quand Si Que Qui Comment Pourquoi Ici Donc Ensuite',
  },
  es: {
    titles: 'Sr Sra Srta Sres Dr Dra Dres D Dª Dña Ud Uds Vd Vds Prof Profa Lic Ing Arq Gral Cap Sto Sta',
    inner: 'p.ej p.e aprox cf vs',
    number: 'pág págs núm nº art cap fig vol tel p pp',
    either: 'etc av avda ee.uu c.p s.a s.l a.c d.c ene feb abr jun jul ago sept oct nov dic',
    starters:
      'El Los Las Una Unos Él Ella Ellos Ellas Yo Tú Nosotros Usted Esto Esta Este Estos Pero Entonces Luego Después Cuando Si Que Qué Quién Cómo Dónde Cuándo Por Para Aquí Hoy',
  },
  it: {
    titles: 'Sig Sigg Sig.ra Sig.na Dott Dott.ssa Dr Prof Prof.ssa Ing Avv Arch Geom Rag Mons Gen Col Cap S Ss',
    inner: 'p.es ad.es cfr cd c.d ca circa',
    number: 'pag pagg n nr art cap fig vol tel p pp',
    either: 'ecc etc s.p.a s.r.l a.c d.c gen feb mar apr mag giu lug ago set ott nov dic',
    starters:
      'Il Lo Gli Una Uno Egli Lui Lei Loro Io Noi Voi Questo Questa Quello Ma Poi Allora Quando Se Che Chi Come Dove Perché Per Nel Nella Oggi Ora Qui',
  },
  pt: {
    titles: 'Sr Sra Srta Srs Dr Dra Drs Prof Profa Eng Exmo Exma D Gen Cel Cap Sto Sta',
    inner: 'p.ex aprox cf vs',
    number: 'pág págs núm n nº art cap fig vol tel p pp',
    either: 'etc av ltda cia s.a a.c d.c jan fev abr jun jul ago set out nov dez',
    starters:
      'O Os As Um Uma Ele Ela Eles Elas Eu Nós Você Vocês Isto Isso Este Esta Esse Essa Mas Então Depois Quando Se Que Quem Como Onde Por Para No Na Hoje Agora Aqui',
  },
};

const MONTHS = new Set(
  `january february march april may june july august september october november december
   januar jänner februar märz mai juni juli oktober dezember
   januari februari maart mei augustus oktober december
   janvier février mars avril juin juillet août septembre octobre novembre décembre
   enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
   gennaio febbraio aprile maggio giugno luglio settembre ottobre novembre dicembre
   janeiro fevereiro março maio junho julho setembro outubro novembro dezembro
   ledna února března dubna května června července srpna září října listopadu prosince`.split(/\s+/),
);

/** Languages that write an ordinal number with a full stop: "der 2. Weltkrieg". */
const ORDINAL_LANGUAGES = new Set('de da nb nn no fi et lv cs sk pl hu hr sl sr bs tr is fo lb'.split(' '));

export interface Abbreviations {
  titles: ReadonlySet<string>;
  inner: ReadonlySet<string>;
  number: ReadonlySet<string>;
  either: ReadonlySet<string>;
  starters: ReadonlySet<string>;
  /** A full stop after a number makes an ordinal of it. */
  ordinals: boolean;
}

export function isMonth(word: string): boolean {
  return MONTHS.has(word.toLowerCase());
}

function gather(from: readonly Words[], ordinals: boolean): Abbreviations {
  const words = (kind: keyof Words) => new Set(from.flatMap((one) => one[kind].split(' ')));
  return {
    titles: words('titles'),
    inner: words('inner'),
    number: words('number'),
    either: words('either'),
    starters: words('starters'),
    ordinals,
  };
}

const known = new Map<string, Abbreviations>();

/**
 * The words for a BCP 47 language. English is always among them, because names and terms of it stand in every
 * language's text; an unknown or missing language gets all of them.
 */
export function abbreviationsFor(language: string | undefined): Abbreviations {
  const primary = language?.split('-', 1)[0]?.toLowerCase() ?? '';
  const key = Object.hasOwn(languages, primary) || ORDINAL_LANGUAGES.has(primary) ? primary : '';
  let found = known.get(key);
  if (found === undefined) {
    const own = Object.hasOwn(languages, key) ? [languages.en!, languages[key]!] : Object.values(languages);
    found = gather(own, ORDINAL_LANGUAGES.has(key));
    known.set(key, found);
  }
  return found;
}
