// What became of a command: the first record that names it on one of three topics.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import avro from 'avsc'

export const TOPICS = ['chat.events', 'chat.rejections', 'chat.dead-letter']

const MARKER = 'c301'

export class Outcomes {
  #command
  #position
  #types = new Map()

  // `position` is where the command lies: a dead letter is told by it, and a refusal of this try from one of another.
  constructor (command, position, schemas) {
    this.#command = command
    this.#position = position
    if (schemas) {
      this.#readTypes(schemas)
    }
  }

  // The outcome that a record is, or undefined where it is another command's.
  of (record) {
    if (record.topic === 'chat.dead-letter') {
      return this.#deadLetter(record)
    }
    const found = record.value && this.#decode(record.value)
    if (!found || !this.#isMine(found)) {
      return undefined
    }
    if (record.topic === 'chat.events') {
      return { outcome: 'applied', code: null, event_id: found.event_id }
    }
    const here = ['topic', 'partition', 'offset'].every(name => found[name] === this.#position[name])
    return here ? { outcome: 'refused', code: found.code, event_id: found.event_id } : undefined
  }

  #isMine (found) {
    return ['command_id', 'tenant_id', 'learner_id'].every(name => found[name] === this.#command[name])
  }

  #deadLetter (record) {
    const said = Object.fromEntries([...record.headers].map(([name, value]) => [String(name), String(value)]))
    const { topic, partition, offset } = this.#position
    const here = [said['x-source-topic'], said['x-source-partition'], said['x-source-offset']]
    const mine = here.join() === [topic, partition, offset].join()
    return mine ? { outcome: 'dead_letter', code: said['x-error-code'], event_id: null } : undefined
  }

  // JSON begins with `{`; Avro with C3 01 and the schema's fingerprint.
  #decode (value) {
    if (value[0] === 0x7b) {
      return JSON.parse(value)
    }
    const type = this.#types.get(value.subarray(0, 10).toString('hex'))
    if (!type) {
      throw new Error('a record of an unknown schema: set SCHEMAS to the folder that `chat schemas export` wrote')
    }
    return type.fromBuffer(value.subarray(10))
  }

  #readTypes (folder) {
    for (const { name, version, fingerprint } of JSON.parse(readFileSync(join(folder, 'published.json')))) {
      const schema = JSON.parse(readFileSync(join(folder, name, `v${version}.avsc`)))
      // The list has the fingerprint as a number; in a value its lowest byte comes first.
      const header = MARKER + Buffer.from(fingerprint, 'hex').reverse().toString('hex')
      this.#types.set(header, avro.Type.forSchema(schema))
    }
  }
}
