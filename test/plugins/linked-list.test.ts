import t from 'tap'
import { LinkedList, type Place } from '../../plugins/linked-list.ts'

t.test('members come and leave in any order, and stand in the order in which they came', async (t) => {
  const list = new LinkedList<string>()
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => list.add(name)) as [Place<string>, Place<string>, Place<string>, Place<string>]
  t.same([...list], ['a', 'b', 'c', 'd'])
  t.equal(list.remove(b), true)
  t.equal(list.remove(b), false, 'it has left')
  t.same([[...list], list.size], [['a', 'c', 'd'], 3])
  t.equal(list.shift(), 'a')
  t.equal(list.remove(a), false)
  t.equal(list.remove(d), true)
  list.add('e')
  t.same([...list], ['c', 'e'])
  t.equal(list.remove(c), true)
  t.equal(list.shift(), 'e')
  t.equal(list.shift(), undefined)
  t.same([[...list], list.size], [[], 0])
  list.add('f')
  t.same([...list], ['f'])
})

t.test('those who leave while all are gone through', async (t) => {
  const list = new LinkedList<number>()
  const places = [1, 2, 3].map((number) => list.add(number))
  const seen: number[] = []
  for (const number of list) {
    seen.push(number)
    for (const place of places) list.remove(place)
  }
  t.same([seen, list.size], [[1, 2, 3], 0])
})

t.test('as a Set would have it, whatever happens', async (t) => {
  const list = new LinkedList<number>()
  const set = new Set<number>()
  const places: Array<Place<number>> = []
  let seed = 7
  const random = (below: number): number => (seed = seed * 48271 % 2147483647) % below
  for (let i = 0; i < 5000; i++) {
    const place = places[random(places.length + 1)]
    if (place === undefined || random(2) === 0) {
      places.push(list.add(i))
      set.add(i)
    } else if (list.remove(place) !== set.delete(place.member)) {
      t.fail('one was there that was not')
    }
    if (i % 50 === 0) t.same([...list], [...set])
  }
  t.equal(list.size, set.size)
})

t.test('who has left holds on to nobody', async (t) => {
  const list = new LinkedList<string>()
  const places = ['a', 'b', 'c'].map((name) => list.add(name))
  for (const place of places) list.remove(place)
  t.ok(places.every(({ before, after }) => before === undefined && after === undefined))
})
