import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

/** A quiet petrol green. White text stands on shade 7 at 6.3:1 and on shade 6 at 4.9:1. */
const petrol: MantineColorsTuple = [
  '#eef7f6',
  '#d8ecea',
  '#b0d8d4',
  '#84c2bc',
  '#5cada6',
  '#369189',
  '#1c7f77',
  '#0f6b64',
  '#0b5650',
  '#083f3b',
];

/** Greys with a trace of the same green, lightest first; 7 is the dark page, 6 the cards on it. */
const dark: MantineColorsTuple = [
  '#d5dbdb',
  '#b4bdbd',
  '#8f9a9a',
  '#5d6868',
  '#3b4445',
  '#2c3435',
  '#1d2324',
  '#14191a',
  '#101415',
  '#0b0e0f',
];

export const theme = createTheme({
  colors: { petrol, dark },
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  black: '#17201f',
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", "Roboto Mono", "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '650', textWrap: 'balance' },
});

/**
 * Colours by scheme. Ours beside Mantine's: `--card` is what lies on the page, `--soft` a quiet surface on a card,
 * `--accent` text and lines in our colour, `--caution` words
 * that one should not miss, `--field` the line around an input (3:1 against its card, WCAG 2.2
 * §1.4.11).
 */
export const colorVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--card': '#ffffff',
    '--soft': '#eef2f1',
    '--accent': petrol[7],
    '--caution': '#8a5300',
    '--mantine-color-error': '#c92a2a',
    '--field': '#8a9693',
    '--mantine-color-body': '#f6f8f8',
    '--mantine-color-text': '#17201f',
    '--mantine-color-dimmed': '#55615f',
    '--mantine-color-placeholder': '#6a7674',
    '--mantine-color-default-border': '#dae2e1',
  },
  dark: {
    '--card': dark[6],
    '--soft': dark[5],
    '--accent': petrol[3],
    '--caution': '#f0b85c',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-red-light': 'rgb(255 107 107 / 12%)',
    '--field': '#6a7675',
    '--mantine-color-dimmed': '#9aa7a6',
    '--mantine-color-placeholder': '#8b9796',
    '--mantine-color-default-border': '#303a3b',
    '--mantine-color-petrol-light': 'rgb(92 173 166 / 16%)',
    '--mantine-color-petrol-light-hover': 'rgb(92 173 166 / 24%)',
    '--mantine-color-petrol-light-color': petrol[2],
  },
});
