import { Alert, Text } from '@mantine/core';
import { CommandLine } from './CommandLine.tsx';
import { Icon } from './Icon.tsx';

interface RemedyProps {
  title: string;
  reasons: { reason: string; remedy: string | null }[];
}

/** Something the server cannot do yet, and the line that mends it. */
export function Remedy({ title, reasons }: RemedyProps) {
  return (
    <Alert color="yellow" icon={<Icon name="info" />} title={title} role="note">
      {reasons.map(({ reason, remedy }) => (
        <div key={reason}>
          <Text size="sm">{reason}</Text>
          {remedy !== null && <CommandLine line={remedy} />}
        </div>
      ))}
    </Alert>
  );
}
