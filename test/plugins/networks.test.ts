import t from 'tap'
import { isNetwork, isWithin, withoutPorts } from '../../plugins/networks.ts'

t.test('what is an address or a network', async (t) => {
  for (const text of ['10.0.0.0/8', '192.0.2.1', '0.0.0.0/0', '2001:db8::/32', '::1', '::/0', '10.1.2.3/8']) t.ok(isNetwork(text), text)
  for (const text of ['', '/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0', '10.0.0.0/a', '::/129', 'fe80::1%eth0', 'localhost', '10.0.0.0 /8', '010.0.0.1', '*']) t.notOk(isNetwork(text), text)
})

t.test('what is within', async (t) => {
  const networks = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', 'fe80::/10']
  for (const address of ['10.0.0.0', '10.255.255.255', '192.0.2.7', '::ffff:10.1.2.3', '::FFFF:192.0.2.7', '2001:db8:ffff::1', '2001:DB8::', 'fe80::1%eth0']) t.ok(isWithin(networks, address), address)
  for (const address of ['11.0.0.0', '9.255.255.255', '192.0.2.8', '::ffff:11.0.0.1', '2001:db9::', '::1', '', 'unknown', '10.0.0.1:443', '10.0.0.1, 11.0.0.1', undefined]) t.notOk(isWithin(networks, address), String(address))
  t.ok(isWithin(['0.0.0.0/0'], '::ffff:8.8.8.8'))
  t.notOk(isWithin(['0.0.0.0/0'], '2001:db8::1'))
  t.ok(isWithin(['::/0'], '2001:db8::1'))
})

t.test('addresses as balancers write them, with their ports', async (t) => {
  t.equal(withoutPorts('1.2.3.4:5678,[::1]:99 ,  [2001:db8::7], ::1, 1.2.3.4'), '1.2.3.4, ::1, 2001:db8::7, ::1, 1.2.3.4')
  t.equal(withoutPorts('[::1, 1.2.3.4:, :80, 1.2.3.4:123456, unknown, _x:1, , [1.2.3.4]:x'), '[::1, 1.2.3.4:, :80, 1.2.3.4:123456, unknown, _x:1, , [1.2.3.4]:x')
})
