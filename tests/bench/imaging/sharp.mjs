// Contender: sharp. Reads a job from standard input, draws every photograph, reports what that took.
// With `formats` it uses those encoder settings, else its own defaults. With `shared` each rung is
// resized once and its pixels handed to all three encoders; else every derivative is a pipeline of
// its own, as sharp's documentation has it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const job = JSON.parse(readFileSync(0, 'utf8'));
const sharp = createRequire(join(job.modules, 'package.json'))('sharp');
sharp.concurrency(1);
sharp.cache(false);

const options = job.formats && {
  avif: {
    quality: job.formats.avif.quality,
    effort: job.formats.avif.effort,
    chromaSubsampling: job.formats.avif.chroma,
  },
  webp: {
    quality: job.formats.webp.quality,
    effort: job.formats.webp.effort,
  },
  jpeg: {
    quality: job.formats.jpeg.quality,
    quantisationTable: job.formats.jpeg.quantization_table,
    progressive: job.formats.jpeg.progressive,
    trellisQuantisation: job.formats.jpeg.trellis,
  },
};

const resized = (data, width) => sharp(data).autoOrient().resize({ width, withoutEnlargement: true });

async function pipelines(data, width) {
  const { data: pixels, info } = job.shared
    ? await resized(data, width).raw().toBuffer({ resolveWithObject: true })
    : { data: null, info: null };
  return () => (job.shared ? sharp(pixels, { raw: info }) : resized(data, width));
}

async function draw(data, widths) {
  const drawn = [];
  for (const width of widths) {
    const pipeline = await pipelines(data, width);
    for (const format of ['avif', 'webp', 'jpeg']) {
      drawn.push([`${width}x0.${format}`, await pipeline()[format](options?.[format]).toBuffer()]);
    }
  }
  return drawn;
}

function peakMemory() {
  const line = readFileSync('/proc/self/status', 'utf8').split('\n').find((each) => each.startsWith('VmHWM:'));
  return (Number(line.split(/\s+/)[1]) * 1024) / 1e6;
}

await draw(readFileSync(job.photographs[0]), job.widths.slice(-1));
const photographs = [];
for (const [number, path] of job.photographs.entries()) {
  const data = readFileSync(path);
  const cpu = process.cpuUsage();
  const started = performance.now();
  const drawn = await draw(data, job.widths);
  const wall = (performance.now() - started) / 1e3;
  const used = process.cpuUsage(cpu);
  photographs.push({
    cpu: (used.user + used.system) / 1e6,
    wall,
    bytes: Object.fromEntries(drawn.map(([name, written]) => [name, written.length])),
  });
  if (job.out) {
    const folder = join(job.out, String(number));
    mkdirSync(folder, { recursive: true });
    for (const [name, written] of drawn) writeFileSync(join(folder, name), written);
  }
}
const versions = `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;
process.stdout.write(JSON.stringify({ photographs, peak_memory_mb: peakMemory(), versions }));
