#!/usr/bin/env node
/** The project's own Node, whatever Node there is: `node bin/node.js file.ts`. */
import { handOver } from './own-node.js';

handOver(process.argv.slice(2));
