// Visitors who look around and buy nothing: `k6 run bench/k6/browse.js`. RATE visitors a second for SECONDS.
import { lookAround, setting, thresholds } from './lib/shop.js';

const rate = setting('RATE', 50);

export const options = {
  scenarios: {
    browse: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: `${setting('SECONDS', 60)}s`,
      preAllocatedVUs: Math.max(10, rate),
      maxVUs: rate * 10,
    },
  },
  // Every visitor comes, however slow the ones before are.
  thresholds: thresholds(200, { dropped_iterations: ['count==0'] }),
};

export default lookAround;
