// Sends one command and prints what became of it: `node producer.mjs <command.json>`.
//
// KAFKA_BOOTSTRAP_SERVERS  brokers, comma-separated
// CHAT_TOKEN               the JWT to send with
// SCHEMAS                  the folder that `chat schemas export` wrote; needed where events are Avro
//
// Exit status: 0 applied (or a duplicate of what was), 1 refused or dead letter, 2 no outcome in time.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Consumer, Producer, ProduceAcks, compatibilityPartitioner, stringSerializers } from '@platformatic/kafka'
import { Outcomes, TOPICS } from './outcomes.mjs'

const SECONDS = 30
const PRIVACY = new Set(['ExportLearnerData', 'DeleteLearnerData', 'EnrolLearner'])
const connection = { clientId: 'producer-example', bootstrapBrokers: process.env.KAFKA_BOOTSTRAP_SERVERS.split(',') }

const command = { command_id: randomUUID(), ...JSON.parse(readFileSync(process.argv[2], 'utf8')) }

// The ends of the outcomes' topics before the command is sent: its outcome lies behind them.
const consumer = new Consumer({ ...connection, groupId: `producer-example-${randomUUID()}` })
const ends = await consumer.listOffsets({ topics: TOPICS })
const offsets = [...ends].flatMap(([topic, found]) => found.map((offset, partition) => ({ topic, partition, offset })))
const records = await consumer.consume({ topics: TOPICS, mode: 'manual', offsets, autocommit: false, maxWaitTime: 500 })

const producer = new Producer({
  ...connection,
  serializers: stringSerializers,
  idempotent: true,
  acks: ProduceAcks.ALL,
  // Not the default one: that is Java's with a power of two as the number of partitions only.
  partitioner: compatibilityPartitioner
})
const sent = await producer.send({
  messages: [
    {
      topic: PRIVACY.has(command.type) ? 'chat.privacy.commands' : 'chat.commands',
      key: `${command.tenant_id}/${command.learner_id}`,
      value: JSON.stringify(command),
      headers: { authorization: `Bearer ${process.env.CHAT_TOKEN}` }
    }
  ]
})
const [{ topic, partition, offset }] = sent.offsets
const position = { topic, partition, offset: Number(offset) }

setTimeout(() => {
  console.error(`no outcome within ${SECONDS} s; the same command may be sent again`)
  process.exit(2)
}, SECONDS * 1000).unref()

const outcomes = new Outcomes(command, position, process.env.SCHEMAS)
for await (const record of records) {
  const outcome = outcomes.of(record)
  if (outcome) {
    console.log(JSON.stringify({ command_id: command.command_id, ...outcome, ...position }))
    process.exitCode = outcome.outcome === 'applied' || outcome.code === 'duplicate' ? 0 : 1
    break
  }
}
await Promise.all([producer.close(), consumer.close(true)])
