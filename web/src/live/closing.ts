export interface Closing {
  title: string;
  text: string;
}

/** Why a line ended, for people, by the code its socket was closed with (docs/sockets.md). */
export function closingOf(code: number, opened: boolean): Closing {
  switch (code) {
    case 1001:
      return { title: 'The server is shutting down', text: 'What was heard is kept here. Go on in a moment.' };
    case 1006:
      return opened
        ? { title: 'The connection broke', text: 'The network or the server went away without a word.' }
        : {
            title: 'The server did not take the call',
            text: 'It may have too many open already, or the model cannot be used now. The page Models shows its state.',
          };
    case 1013:
      return { title: 'The server is busy', text: 'It has more to do than it can. Go on in a moment.' };
    case 4001:
      return { title: 'Your key has ended', text: 'It was revoked or has expired.' };
    case 4008:
      return { title: 'Nothing was said for too long', text: 'The server closed the line to make room for others.' };
    case 4009:
      return { title: 'The time is up', text: 'A line may be open only for so long. Go on with a new one.' };
    case 4013:
      return { title: 'This page did not keep up', text: 'The server had more to tell than was read.' };
    case 1011:
      return { title: 'The server failed', text: 'Its log says why.' };
    default:
      return { title: 'The line was closed', text: `The server gave the code ${code}.` };
  }
}
