import { nextTheme, theme } from '../state/theme';
import { IconButton } from './button';
import { AutoIcon, MoonIcon, SunIcon } from './icons';

const LOOKS = {
  system: { words: 'Colours: as the system says', icon: <AutoIcon /> },
  light: { words: 'Colours: light', icon: <SunIcon /> },
  dark: { words: 'Colours: dark', icon: <MoonIcon /> },
};

export function ThemeButton() {
  const look = LOOKS[theme.value];
  return (
    <IconButton
      label={look.words}
      icon={look.icon}
      onClick={() => {
        theme.value = nextTheme(theme.value);
      }}
    />
  );
}
