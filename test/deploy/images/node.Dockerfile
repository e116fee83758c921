# Debian with the Node and npm of this machine: what the image is built in.
FROM localhost/isthmus-test/debian
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
# This machine's authorities: it may reach the registry through a proxy of its own.
COPY certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
