/** The thread behind background.ts: one connection, one task after another. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { Answer, Row, Task } from './background.ts'

const db = new DatabaseSync(workerData as string, { timeout: 1000 })
db.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')

parentPort?.on('message', (task: Task) => {
  let answer: Answer
  try {
    const rows: Row[] = 'checkpoint' in task ? db.prepare('PRAGMA wal_checkpoint(PASSIVE)').all() : db.prepare(task.sql).all(...task.values)
    answer = { id: task.id, rows }
  } catch (error) {
    answer = { id: task.id, error: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(answer)
})
