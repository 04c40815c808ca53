// The page asks the module and shows its answers. Foreign text is only ever set by textContent.
const by = id => document.getElementById(id);
const COLUMNS = [['verdict', 'Verdict'], ['kind', 'Kind'], ['path', 'File'], ['release', 'Release'], ['signers', 'Signed by']];
const WORDS = { authentic: 'authentic', fault: 'FAULT', unsigned: 'unsigned', unchecked: 'unchecked' };
const ORDER = ['fault', 'unchecked', 'unsigned', 'authentic'];
const state = { files: [], root: null, shown: null, rows: [], sort: ['verdict', 1], turn: 0 };

const bytesOf = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const worker = new Worker(URL.createObjectURL(new Blob([bytesOf(WORKER)], { type: 'text/javascript' })));
const waiting = new Map();
let asked = 0;
worker.onmessage = ({ data }) => {
  waiting.get(data.id)(data.answer);
  waiting.delete(data.id);
};
worker.onerror = () => say('This browser does not start the page\'s own code. Another browser may.');

function send(message) {
  asked += 1;
  const id = asked;
  return new Promise(done => {
    waiting.set(id, done);
    worker.postMessage({ id, ...message });
  });
}

function ask(question) {
  const files = state.files.map(file => ({ path: file.path, size: file.size }));
  return send({ question: { ask: question, now: Math.floor(Date.now() / 1000), files } });
}

// --- elements -------------------------------------------------------------------------------------------------

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function list(items) {
  const made = element('ul');
  made.append(...items.map(item => element('li', item)));
  return made;
}

function table({ caption, head, rows }) {
  const made = element('table');
  const top = element('tr');
  top.append(...head.map(text => element('th', text, { scope: 'col' })));
  const thead = element('thead');
  thead.append(top);
  const tbody = element('tbody');
  for (const row of rows) {
    const line = element('tr');
    line.append(...row.map(text => element('td', text)));
    tbody.append(line);
  }
  made.append(element('caption', caption), thead, tbody);
  const wide = element('div', null, { class: 'wide', role: 'region', 'aria-label': caption, tabindex: '0' });
  wide.append(made);
  return wide;
}

const verdict = word => element('span', WORDS[word], { class: `verdict ${word}` });
const say = text => { by('status').textContent = text; };
const busy = is => by('main').setAttribute('aria-busy', String(is));

// --- files ----------------------------------------------------------------------------------------------------

async function add(files) {
  state.files.push(...files.map(([path, file]) => ({ path, file, size: file.size })));
  await list_again();
}

async function list_again() {
  busy(true);
  await send({ files: state.files.map(file => file.file) });
  const { files = [] } = await ask('kinds');
  state.files.forEach((file, at) => Object.assign(file, files[at]));
  by('clear').hidden = state.files.length === 0;
  const roots = state.files.map((file, at) => [file, at]).filter(([file]) => file.kind === 'trust root');
  const pick = by('root-pick');
  pick.replaceChildren(element('option', 'choose one', { value: '' }));
  pick.append(...roots.map(([file, at]) => element('option', file.shown, { value: String(at) })));
  by('root-choice').hidden = roots.length === 0;
  if (state.root === null && roots.length === 1) state.root = roots[0][1];
  pick.value = state.root === null ? '' : String(state.root);
  await judge();
}

async function entries_of(entry, before) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [[before + entry.name, file]];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return found;
    for (const one of some) found.push(...await entries_of(one, `${before}${entry.name}/`));
  }
}

async function dropped(transfer) {
  // Both lists end with the event, so they are read before anything is waited for.
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry && item.webkitGetAsEntry());
  const plain = [...transfer.files];
  if (!entries.some(entry => entry)) return add(plain.map(file => [file.name, file]));
  const found = [];
  for (const entry of entries) if (entry) found.push(...await entries_of(entry, ''));
  return add(found);
}

// --- the trust root -------------------------------------------------------------------------------------------

async function describe_root() {
  const place = by('root');
  by('root-none').hidden = state.root !== null;
  place.hidden = by('root-compare').hidden = state.root === null;
  if (state.root === null) return true;
  const root = await ask({ root: { file: state.root } });
  if (root.error) {
    by('root-compare').hidden = true;
    place.replaceChildren(verdict('fault'), element('p', root.error));
    return false;
  }
  if (state.shown !== root.sha256) by('compared').checked = false;
  state.shown = root.sha256;
  const issued = root.issued ? `, issued ${root.issued}` : '';
  const digest = element('p', 'SHA-256 ');
  digest.append(element('code', root.sha256, { class: 'digest' }));
  const keys = element('details');
  keys.append(element('summary', 'Its keys'), table(root.keys));
  place.replaceChildren(element('p', `Version ${root.version}${issued}, expires ${root.expires}`), digest, keys);
  return true;
}

// --- verdicts -------------------------------------------------------------------------------------------------

async function judge() {
  state.turn += 1;
  const turn = state.turn;
  busy(true);
  state.rows = [];
  by('detail').hidden = true;
  const is_usable = await describe_root();
  const known = state.files.map((file, at) => [file, at]).filter(([file, at]) => file.kind && at !== state.root);
  if (state.root !== null && is_usable) {
    for (const [number, [file, at]] of known.entries()) {
      say(`File ${number + 1} of ${known.length}: ${file.shown}`);
      const answer = await ask({ judge: { file: at, root: state.root } });
      if (turn !== state.turn) return;
      const found = answer.error ? broken(answer.error) : answer;
      state.rows.push({ at, path: file.shown, kind: file.kind, found });
    }
  }
  if (turn !== state.turn) return;
  sum(known.length, is_usable);
  fill();
  if (state.rows.length === 1) detail(state.rows[0], false);
  busy(false);
}

function broken(error) {
  return { verdict: 'fault', headline: '', lines: [], faults: [error], notes: [], signers: [], tables: [], contents: [] };
}

function sum(known, is_usable) {
  const foreign = state.files.filter(file => !file.kind && !/\.(sig|tsr|journal)$/.test(file.path)).length;
  const passed = foreign === 0 ? '' : `; ${foreign} of other kinds passed over`;
  if (state.files.length === 0) return say('No file is here yet.');
  if (state.root === null) return say(`${known} to judge${passed}; a trust root has to be chosen first.`);
  if (!is_usable) return say('This trust root can\'t be used: nothing is judged.');
  const counts = ORDER.map(word => [word, state.rows.filter(row => row.found.verdict === word).length]);
  const words = counts.filter(([, count]) => count > 0).map(([word, count]) => `${count} ${WORDS[word]}`);
  const compared = by('compared').checked ? '' : ' By a trust root that you have not compared yet.';
  return say(`${state.rows.length === 1 ? '1 file' : `${state.rows.length} files`}: ${words.join(', ') || 'nothing to judge'}${passed}.${compared}`);
}

function cell(row, column) {
  if (column === 'verdict') return String(ORDER.indexOf(row.found.verdict));
  if (column === 'release') return row.found.release || '';
  if (column === 'signers') return row.found.signers.join(', ');
  return row[column];
}

function fill() {
  const [column, way] = state.sort;
  const wanted = by('filter').value.toLowerCase();
  const only = by('only').value;
  const text = row => ['path', 'kind', 'release', 'signers'].map(name => cell(row, name)).join('\n').toLowerCase();
  const rows = state.rows.filter(row => (!only || row.found.verdict === only) && text(row).includes(wanted));
  rows.sort((a, b) => way * cell(a, column).localeCompare(cell(b, column)) || a.at - b.at);
  by('list').hidden = state.rows.length === 0;
  by('heads').replaceChildren(...COLUMNS.map(head));
  by('rows').replaceChildren(...rows.map(line));
}

function head([column, text]) {
  const is_sorted = state.sort[0] === column;
  const sorted = !is_sorted ? 'none' : state.sort[1] === 1 ? 'ascending' : 'descending';
  const made = element('th', null, { scope: 'col', 'aria-sort': sorted });
  const button = element('button', text + (!is_sorted ? '' : state.sort[1] === 1 ? ' ▲' : ' ▼'), { type: 'button' });
  button.onclick = () => {
    state.sort = [column, is_sorted ? -state.sort[1] : 1];
    fill();
    by('heads').children[COLUMNS.findIndex(([name]) => name === column)].firstChild.focus();
  };
  made.append(button);
  return made;
}

function line(row) {
  const made = element('tr');
  const word = element('td');
  word.append(verdict(row.found.verdict));
  const path = element('td');
  const open = element('button', row.path, { type: 'button' });
  open.onclick = () => detail(row, true);
  path.append(open);
  const rest = ['release', 'signers'].map(column => element('td', cell(row, column)));
  made.append(word, element('td', row.kind), path, ...rest);
  return made;
}

// --- one file -------------------------------------------------------------------------------------------------

function detail(row, is_asked) {
  const place = by('detail');
  const { found } = row;
  const title = element('h3', `${found.headline || row.path} `, { id: 'detail-title' });
  title.append(verdict(found.verdict));
  place.replaceChildren(title, element('p', `${row.kind} ${row.path}`));
  if (!by('compared').checked && found.verdict === 'authentic') {
    place.append(element('p', 'Authentic by a trust root that you have not compared yet.', { class: 'warning' }));
  }
  if (found.faults.length > 0) place.append(element('h4', 'At fault'), list(found.faults));
  if (found.lines.length > 0) place.append(list(found.lines));
  place.append(...found.notes.map(note => element('p', note, { class: 'warning' })));
  place.append(...found.tables.map(table));
  if (found.contents.length > 0) place.append(element('h4', 'Files of the release'), contents(row));
  place.hidden = false;
  if (is_asked) place.focus();
}

function contents(row) {
  const made = element('ul');
  for (const { path, size, role } of row.found.contents) {
    const item = element('li');
    const open = element('button', path, { type: 'button', 'aria-expanded': 'false' });
    const text = element('pre', null, { class: 'text', tabindex: '0', role: 'region', 'aria-label': path });
    text.hidden = true;
    open.onclick = async () => {
      if (text.hidden && text.textContent === '') {
        const answer = await ask({ content: { file: row.at, root: state.root, path } });
        text.textContent = answer.error ? `can't be shown: ${answer.error}` : answer.text;
      }
      text.hidden = !text.hidden;
      open.setAttribute('aria-expanded', String(!text.hidden));
    };
    item.append(open, ` ${size} bytes${role ? `, ${role}` : ''}`, text);
    made.append(item);
  }
  return made;
}

// --- events ---------------------------------------------------------------------------------------------------

for (const id of ['pick', 'pick-folder']) {
  by(id).onchange = async event => {
    const files = [...event.target.files].map(file => [file.webkitRelativePath || file.name, file]);
    event.target.value = '';
    await add(files);
  };
}
document.ondragover = event => {
  event.preventDefault();
  by('drop').classList.add('over');
};
document.ondragleave = () => by('drop').classList.remove('over');
document.ondrop = event => {
  event.preventDefault();
  by('drop').classList.remove('over');
  dropped(event.dataTransfer).catch(error => say(`The files can't be read: ${error.message}`));
};
by('clear').onclick = async () => {
  Object.assign(state, { files: [], root: null });
  await list_again();
  by('pick').focus();
};
by('root-pick').onchange = event => {
  state.root = event.target.value === '' ? null : Number(event.target.value);
  judge();
};
by('compared').onchange = () => {
  sum(state.rows.length, true);
  by('detail').querySelectorAll('.warning').forEach(note => { note.hidden = by('compared').checked && note.textContent.startsWith('Authentic by'); });
};
by('filter').oninput = fill;
by('only').onchange = fill;

send({ module: bytesOf(MODULE) }).then(({ error }) => {
  say(error ? `This browser can't run the page's own code: ${error}` : 'No file is here yet.');
  busy(false);
});
