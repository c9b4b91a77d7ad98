// Runs CloudFront Functions (runtime 2.0) for function.py: one message a line in, one a line out.
//   {"load": name, "source": text, "keys": {key: value}}  ->  {"load": name} or {"load": name, "error": text}
//   {"keysOf": name, "pairs": {key: value}}               ->  {"keysOf": name}
//   n name {event}                                        ->  {"id": n, "result": object, "logged": text}
//                                                         or  {"id": n, "error": text}
// A function sees the language and the modules that CloudFront gives it: no process, network, timers or files.
import { AsyncLocalStorage } from 'node:async_hooks';
import buffer from 'node:buffer';
import crypto from 'node:crypto';
import querystring from 'node:querystring';
import vm from 'node:vm';

const loaded = new Map();
// What the function that runs writes into the access log: events overlap where one waits for its store.
const running = new AsyncLocalStorage();

// The pairs are in `store`, so that they can be replaced while the function runs.
function keyValueStore(store) {
    return {
        get: async (key, options = { format: 'string' }) => {
            const { keys } = store;
            if (!Object.hasOwn(keys, key)) {
                throw new Error('KeyNotFound');
            }
            const value = keys[key];
            return options.format === 'json' ? JSON.parse(value) : options.format === 'bytes' ? buffer.Buffer.from(value) : value;
        },
        exists: async (key) => Object.hasOwn(store.keys, key),
        count: async () => Object.keys(store.keys).length,
    };
}

function modulesOf(store) {
    return {
        cloudfront: {
            kvs: () => keyValueStore(store),
            logCustomData: (text) => {
                running.getStore().logged = String(text);
            },
        },
        crypto: { createHash: crypto.createHash, createHmac: crypto.createHmac },
        querystring,
        buffer: { Buffer: buffer.Buffer },
    };
}

async function load(source, store) {
    const log = (...values) => console.error(...values);
    const context = vm.createContext(
        { Buffer: buffer.Buffer, console: { log, error: log } },
        { codeGeneration: { strings: false, wasm: false } },
    );
    const modules = modulesOf(store);
    const main = new vm.SourceTextModule(`${source}\nexport { handler };`, { context, identifier: 'function.js' });
    await main.link((specifier) => {
        const provided = modules[specifier];
        if (!provided) {
            throw new Error(`expected one of ${Object.keys(modules).join(', ')} to be imported but received ${specifier}`);
        }
        const names = ['default', ...Object.keys(provided)];
        return new vm.SyntheticModule(
            names,
            function () {
                this.setExport('default', provided);
                names.slice(1).forEach((name) => this.setExport(name, provided[name]));
            },
            { context, identifier: specifier },
        );
    });
    await main.evaluate();
    return { store, handler: main.namespace.handler, parse: vm.runInContext('JSON.parse', context) };
}

async function obey(message) {
    if (message.load !== undefined) {
        loaded.set(message.load, await load(message.source, { keys: message.keys }));
        return { load: message.load };
    }
    loaded.get(message.keysOf).store.keys = message.pairs;
    return { keysOf: message.keysOf };
}

async function call(id, name, event) {
    const { handler, parse } = loaded.get(name);
    const notes = { logged: '' };
    const result = await running.run(notes, () => handler(parse(event)));
    return { id, result, logged: notes.logged };
}

async function answer(line) {
    const explain = (error) => String((error && error.stack) || error);
    if (line.startsWith('{')) {
        const message = JSON.parse(line);
        return obey(message).catch((error) => ({ load: message.load, keysOf: message.keysOf, error: explain(error) }));
    }
    const [id, name] = line.split(' ', 2);
    return call(Number(id), name, line.slice(id.length + name.length + 2)).catch((error) => ({ id: Number(id), error: explain(error) }));
}

// Whatever was answered in one round of the event loop goes out in one write.
const answered = [];
function send(reply) {
    if (answered.length === 0) {
        setImmediate(() => process.stdout.write(answered.splice(0).join('')));
    }
    answered.push(`${JSON.stringify(reply)}\n`);
}

let unfinished = '';
process.stdin.setEncoding('utf8');
for await (const received of process.stdin) {
    const lines = (unfinished + received).split('\n');
    unfinished = lines.pop();
    lines.forEach((line) => answer(line).then(send));
}
