import { Text } from '@mantine/core';
import { fileSize } from '../lib/size.ts';
import { span } from '../lib/time.ts';
import type { SpeechStore } from './speechStore.ts';

/** One line on how the speaking goes, read out to screen readers as it changes. */
export function SpeechStatus({ speech }: { speech: SpeechStore['state'] }) {
  return (
    <Text size="sm" c="dimmed" role="status">
      {statusLine(speech)}
    </Text>
  );
}

function statusLine({ phase, firstAudioMs, saved }: SpeechStore['state']): string {
  const heard = firstAudioMs === null ? '' : `First sound after ${span(firstAudioMs)}`;
  switch (phase) {
    case 'waiting':
      return 'Waiting for the first sound…';
    case 'arriving':
      return heard;
    case 'complete':
      return [heard, saved === null ? '' : fileSize(saved.audio.size)].filter(Boolean).join(' · ');
    case 'cancelled':
      return 'Stopped.';
    default:
      return '';
  }
}
