/** `npm start` passes on the Ctrl+C that the terminal also sends to us: two at once are one. */
const SAME_SIGNAL_MS = 500;

/** Resolves at the first signal to stop. A second one, after the moment in which it counts as the same, ends at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (): void => {
      firstAt ??= performance.now();
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(130);
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  });
}
