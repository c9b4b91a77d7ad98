// Asks one URL again and again over kept connections: node load.mjs URL CONNECTIONS SECONDS.
// Prints {"requests", "seconds", "p50_ms", "p99_ms", "failed"}.
import http from 'node:http';

const [url, connections, seconds] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(connections) });
const taken = [];
let failed = 0;
const began = performance.now();
const end = began + Number(seconds) * 1000;

function ask() {
    const asked = performance.now();
    return new Promise((resolve) => {
        http.get(url, { agent, headers: { accept: 'image/avif,image/webp,*/*' } }, (answer) => {
            answer.resume();
            answer.on('end', () => {
                taken.push(performance.now() - asked);
                failed += answer.statusCode === 200 ? 0 : 1;
                resolve();
            });
        }).on('error', () => {
            failed++;
            resolve();
        });
    });
}

async function worker() {
    while (performance.now() < end) {
        await ask();
    }
}

await Promise.all(Array.from({ length: Number(connections) }, worker));
const total = (performance.now() - began) / 1000;
taken.sort((one, other) => one - other);
const at = (share) => taken[Math.min(Math.floor(taken.length * share), taken.length - 1)] ?? null;
console.log(JSON.stringify({ requests: taken.length, seconds: total, p50_ms: at(0.5), p99_ms: at(0.99), failed }));
agent.destroy();
