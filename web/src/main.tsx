import { render } from 'preact';
import { App } from './app';
import { startRouter } from './router';
import { loadMe } from './state/me';
import './styles/index.css';

startRouter();
void loadMe();

const root = document.getElementById('app');
if (root) render(<App />, root);
