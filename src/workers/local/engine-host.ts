/** The program that engine processes run. */
import { loadEngine } from '../../engines/index.ts';
import { serveEngine } from './serve-engine.ts';

serveEngine(loadEngine);
