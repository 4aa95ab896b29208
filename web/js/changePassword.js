import { changePassword, session } from '../latchkey.js';
import { form, run } from './form.js';

const user = session();
if (user) form.elements.email.value = user.email;
document.getElementById(user ? 'as-user' : 'as-guest').className = 'holds';

run({ send: changePassword, flag: 'changed' });
