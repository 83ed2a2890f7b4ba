// One round of bench/jobs.sh with BullMQ: `node bullmq.mjs PORT COUNT` prints jobs per second: added in batches, run,
// added in batches and then run, added one by one.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const [port, count] = process.argv.slice(2).map(Number);
const connection = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null });
const concurrency = 50;
const batch = 1000;
const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } });
const seconds = async (work) => {
  const began = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - began) / 1e9;
};

const addInBatches = async () => {
  for (let first = 0; first < count; first += batch) {
    const length = Math.min(batch, count - first);
    await queue.addBulk(Array.from({ length }, (_, n) => ({ name: 'trivial', data: { n: first + n } })));
  }
};

const addOneByOne = async () => {
  let next = 0;
  const lane = async () => {
    while (next < count) await queue.add('trivial', { n: next++ });
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
};

const run = () =>
  new Promise((resolve, reject) => {
    let done = 0;
    const worker = new Worker('bench', async () => {}, { connection, concurrency });
    worker.on('error', reject);
    worker.on('completed', () => {
      if (++done === count) worker.close().then(resolve, reject);
    });
  });

await queue.waitUntilReady();
const added = await seconds(addInBatches);
const ran = await seconds(run);
const singly = await seconds(addOneByOne);
await run();
const rate = (took) => Math.round(count / took);
console.log(rate(added), rate(ran), rate(added + ran), rate(singly));
await queue.close();
connection.disconnect();
