const REDRAW_MS = 200;
/** Work that ends sooner shows nothing. */
const PATIENCE_MS = 500;
const ERASE_LINE = '\r\u001b[2K';

export interface Progress {
  /** Removes the line. */
  end(): void;
}

/**
 * Keeps one line on the terminal that says how far work has come; `describe` is asked again several times a second.
 * Writes nothing where stderr is not a terminal.
 */
export function showProgress(describe: () => string, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { end: () => {} };
  const startedAt = performance.now();
  let drawn = false;
  const timer = setInterval(() => {
    if (performance.now() - startedAt < PATIENCE_MS) return;
    stream.write(ERASE_LINE + describe().slice(0, (stream.columns || 80) - 1));
    drawn = true;
  }, REDRAW_MS);
  timer.unref();
  return {
    end() {
      clearInterval(timer);
      if (drawn) stream.write(ERASE_LINE);
    },
  };
}
