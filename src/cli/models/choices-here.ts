import type { Settings } from '../../config/kinds.ts';
import type { SpeechService } from '../../speech/service.ts';
import { OwnBackend } from '../backend/own-backend.ts';
import { runningServer } from '../backend/running-server.ts';
import { UsageError } from '../command.ts';

/** Changes what was chosen in the data folder, where no server has it open. Starts nothing. */
export async function withChoices(
  settings: Settings,
  work: (service: Pick<SpeechService, 'names' | 'choices'>) => number | Promise<number>,
): Promise<number> {
  if (runningServer(settings.dataDir) !== undefined) {
    throw new UsageError('a server runs with this data folder and keeps these choices: leave out --local');
  }
  const { prepareDataDir } = await import('../../storage/data-dir.ts');
  prepareDataDir(settings.dataDir);
  const backend = await OwnBackend.open(settings);
  try {
    return await work(backend.service);
  } finally {
    await backend.close();
  }
}
