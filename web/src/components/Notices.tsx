import { Alert, Text } from '@mantine/core';
import type { Notice } from '../api/models.ts';
import { CommandLine } from './CommandLine.tsx';
import { Icon } from './Icon.tsx';

/** Something the server wants known, each with the line that mends it where there is one. */
export function Notices({ title, notices }: { title: string; notices: Notice[] }) {
  return (
    <Alert icon={<Icon name="info" />} title={title} role="note">
      {notices.map(({ text, command }) => (
        <div key={text}>
          <Text size="sm">{text}</Text>
          {command !== null && <CommandLine line={command} />}
        </div>
      ))}
    </Alert>
  );
}
