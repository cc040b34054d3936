import '@fontsource-variable/ibm-plex-sans/wght.css';
import '@mantine/core/styles.css';
import './colors.css';
import './bidi.css';
import './cut.css';
import './theme.css';
import { createRoot } from 'react-dom/client';
import { App } from './app';

createRoot(document.getElementById('root')!).render(<App />);
