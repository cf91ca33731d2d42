/**
 * Of undici what a pool of connections needs, from the files it is in: the package's index loads all the rest as well, which
 * is two thirds of its time and memory. Its version is pinned, so the files are where they are.
 */
import Client from 'undici/lib/dispatcher/client.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import buildConnector from 'undici/lib/core/connect.js'

export { Client, Pool, buildConnector }
