# Sourced by bin/isthmus and scripts/bun: find_bun FOLDER sets BUN to the Bun that was installed for the package in FOLDER.
#
# The program lies in the @oven/bun-<platform> package. node_modules/bun/bin/bun.exe is only a placeholder that prints an
# error until bun's install script has run, and that script is blocked by npm install --ignore-scripts, by npm's
# allowScripts and by pnpm. So the platform's package comes first. It stands beside bun or inside it, and bun stands in
# the node_modules of this package or, when this is a dependency, of a folder above.
find_bun() {
  folder=$1
  while :; do
    modules=$folder/node_modules
    if [ -e "$modules/bun/package.json" ]; then
      set -- "$modules"/bun/../@oven/bun-*/bin/bun "$modules"/bun/node_modules/@oven/bun-*/bin/bun "$modules/bun/bin/bun.exe"
      for BUN in "$@"; do
        [ -x "$BUN" ] || continue
        # Package managers that do not know a platform's libc install the glibc and the musl package both.
        case $BUN in *-musl/bin/bun | *-android/bin/bun) "$BUN" --version >/dev/null 2>&1 || continue ;; esac
        return 0
      done
    fi
    [ -n "$folder" ] || break
    folder=${folder%/*}
  done
  echo "isthmus: Bun, the runtime of the gateway, is not installed; run: npm install" >&2
  return 1
}
