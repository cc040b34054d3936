import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

// Ten shades of the one colour that acts: 8 in the light, 3 in the dark.
const water: MantineColorsTuple = ['#eef7f8', '#d5e9ec', '#a9d6dd', '#5fc3d2', '#3fa9ba', '#258fa1', '#167788', '#0f6a7b', '#0b5f70', '#084a58'];

// The list itself scrolls, not a box around it: a combobox moves through its list by the arrow keys, and a box would need focus of its own.
const longList = { withScrollArea: false, styles: { options: { maxHeight: 220, overflowY: 'auto' as const } } };

export const theme = createTheme({
  fontFamily: "'IBM Plex Sans Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'IBM Plex Mono', ui-monospace, monospace",
  headings: { fontFamily: "'IBM Plex Sans Variable', system-ui, sans-serif", fontWeight: '600' },
  colors: { water },
  primaryColor: 'water',
  primaryShade: { light: 8, dark: 3 },
  autoContrast: true,
  defaultRadius: 6,
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  components: {
    Button: { defaultProps: { size: 'xs', fw: 550 } },
    TextInput: { defaultProps: { size: 'sm' } },
    Select: { defaultProps: { size: 'sm', comboboxProps: { shadow: 'md' }, ...longList } },
    TagsInput: { defaultProps: longList },
    Menu: { defaultProps: { shadow: 'md', position: 'bottom-start' } },
    Popover: { defaultProps: { shadow: 'md', position: 'bottom-start' } },
    Tooltip: { defaultProps: { openDelay: 250, withArrow: false } },
    Modal: { defaultProps: { radius: 10, closeButtonProps: { 'aria-label': 'Close' }, overlayProps: { backgroundOpacity: 0.35 } } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
  },
});

/** Mantine's own grounds and texts are ours. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: shared,
  dark: shared,
});

const shared = {
  '--mantine-color-body': 'var(--panel)',
  '--mantine-color-text': 'var(--ink)',
  '--mantine-color-dimmed': 'var(--ink-3)',
  '--mantine-color-default': 'var(--panel)',
  '--mantine-color-default-hover': 'var(--sunken)',
  '--mantine-color-default-border': 'var(--line-strong)',
  '--mantine-color-default-color': 'var(--ink)',
  '--mantine-color-placeholder': 'var(--ink-3)',
  '--mantine-color-anchor': 'var(--water)',
  '--mantine-color-error': 'var(--bad)',
  '--mantine-shadow-md': 'var(--shade)',
};
