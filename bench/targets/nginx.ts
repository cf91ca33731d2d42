import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REAL_KEY, VIRTUAL_KEY } from '../keys.ts'
import { freePort, makeFolder, run, type Target } from './target.ts'

/** The limit of what is to be had: the same work as far as configuration can say it, in one process. */
export const nginx: Target = {
  name: 'nginx',
  async start (provider) {
    const folder = makeFolder()
    const port = await freePort()
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, configuration(port, provider, folder))
    return run({ name: 'nginx', command: 'nginx', args: ['-p', folder, '-e', join(folder, 'error.log'), '-c', file], folder, port, headers: { authorization: `Bearer ${VIRTUAL_KEY}` } })
  }
}

const configuration = (port: number, provider: number, folder: string): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
worker_rlimit_nofile 20000;
events { worker_connections 10000; }
http {
  map $http_authorization $real_key {
    default "";
    "Bearer ${VIRTUAL_KEY}" "Bearer ${REAL_KEY}";
  }
  limit_req_zone $http_authorization zone=keys:10m rate=1000000r/s;
  log_format line escape=json '{"time":"$time_iso8601","id":"$request_id","path":"$uri","status":$status,"ms":$request_time,"in":$request_length,"out":$bytes_sent,"upstream":"$upstream_status"}';
  access_log ${folder}/access.log line buffer=16k flush=1s;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 32m;
  client_body_buffer_size 4m;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  tcp_nodelay on;
  upstream provider {
    server 127.0.0.1:${provider};
    keepalive 4096;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      if ($real_key = "") { return 401; }
      limit_req zone=keys burst=100000 nodelay;
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization $real_key;
      proxy_buffering off;
      proxy_read_timeout 60s;
    }
  }
}
`
