import { signUp } from '../latchkey.js';
import { again, run } from './form.js';

run({ send: signUp, flag: 'created' });
document.getElementById('again').addEventListener('click', again);
