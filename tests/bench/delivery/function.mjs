// Runs the viewer-request function over many events: node function.mjs MODULE EVENTS RESULTS.
// EVENTS: {"event": …} or {"kind": name, "event": …, "times": n}, one a line. RESULTS: the path or status of each of
// the former, then the median microseconds of each kind, one JSON value a line.
import fs from 'node:fs';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const [moduleFile, eventsFile, resultsFile] = process.argv.slice(2);
const { handler } = await import(pathToFileURL(moduleFile));
const results = fs.createWriteStream(resultsFile);

const median = (numbers) => numbers.sort((one, other) => one - other)[numbers.length >> 1];

async function time(event, times) {
    const text = JSON.stringify(event);
    const taken = [];
    for (let round = 0; round < times; round++) {
        const given = JSON.parse(text);
        const began = process.hrtime.bigint();
        await handler(given);
        taken.push(Number(process.hrtime.bigint() - began) / 1000);
    }
    return median(taken);
}

for await (const line of readline.createInterface({ input: fs.createReadStream(eventsFile) })) {
    const { event, kind, times } = JSON.parse(line);
    if (kind !== undefined) {
        results.write(`${JSON.stringify({ kind, microseconds: await time(event, times) })}\n`);
        continue;
    }
    const answer = await handler(event);
    results.write(`${JSON.stringify(answer.uri ?? answer.statusCode)}\n`);
}
results.end();
