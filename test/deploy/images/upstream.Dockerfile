FROM localhost/isthmus-test/debian
COPY upstream /usr/local/bin/upstream
ENTRYPOINT ["/usr/local/bin/upstream"]
