import { ActionIcon, type MantineColorScheme, Tooltip, useMantineColorScheme } from '@mantine/core';
import { Icon, type IconName } from './Icon.tsx';

const SCHEMES: Record<MantineColorScheme, { name: string; next: MantineColorScheme; icon: IconName }> = {
  auto: { name: 'as on this device', next: 'light', icon: 'auto' },
  light: { name: 'light', next: 'dark', icon: 'sun' },
  dark: { name: 'dark', next: 'auto', icon: 'moon' },
};

/** One button that goes round: as on the device, light, dark. */
export function ColorSchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { name, next, icon } = SCHEMES[colorScheme];
  return (
    <Tooltip label={`Colours: ${name}`}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={`Colours: ${name}. Change to ${SCHEMES[next].name}.`}
        onClick={() => setColorScheme(next)}
      >
        <Icon name={icon} size={20} />
      </ActionIcon>
    </Tooltip>
  );
}
