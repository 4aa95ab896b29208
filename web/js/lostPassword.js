import { lostPassword } from '../latchkey.js';
import { again, run } from './form.js';

run({ send: lostPassword, flag: 'sent' });
document.getElementById('again').addEventListener('click', again);
