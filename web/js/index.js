import './page.js';
import './signedIn.js';
