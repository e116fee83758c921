FROM localhost/isthmus-test/debian
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
COPY postgres.sh /usr/local/bin/start
USER postgres
ENTRYPOINT ["/bin/sh", "/usr/local/bin/start"]
