/** The sink process: one worker, which counts and times what arrives and does nothing else. */
import { fail, type ToSink, tell } from '../messages.ts';
import { DeliveryCheck } from './delivery.ts';
import { connectWorker } from './worker.ts';

const delivery = new DeliveryCheck({
  onDelivered: (latencies) => tell({ type: 'delivered', latencies }),
  onFailure: fail,
});

process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToSink) => {
  if (message.type === 'expect') {
    delivery.expect(message.traffic);
    tell({ type: 'expecting' });
    return;
  }
  connectWorker({
    url: message.url,
    token: message.token,
    onConnected: () => tell({ type: 'connected' }),
    onEvent: (bytes, end, receivedUs) => delivery.add(bytes, end, receivedUs),
    onFailure: fail,
  });
});
