// The page of an embedded panel: it has a token in its address and nothing else. No session, no key, no shell, no component library.
import '@fontsource-variable/ibm-plex-sans/wght.css';
import '../colors.css';
import '../bidi.css';
import '../cut.css';
import './embed.css';
import { createRoot } from 'react-dom/client';
import { Embed } from './Embed';

const query = new URLSearchParams(location.search);
const dark = matchMedia('(prefers-color-scheme: dark)');
const theme = query.get('theme');
const paint = () => document.documentElement.setAttribute('data-mantine-color-scheme', theme === 'dark' || (theme !== 'light' && dark.matches) ? 'dark' : 'light');
paint();
dark.addEventListener('change', paint);

createRoot(document.getElementById('root')!).render(<Embed token={query.get('token') ?? ''} />);
