#!/bin/sh
# Runs a stage in its own environment, wherever DVC put the working folder: sh stages/in_env.sh torch|tf SCRIPT [ARG ...]
# Queued and --temp experiments run in copies below <main checkout>/.dvc/tmp/exps, which have no environments of their own.
set -eu
environment=$1
shift
root=${BAKEOFF_ROOT:-}
if [ -z "$root" ]; then
    case "$PWD/" in
        */.dvc/tmp/exps/*) root=${PWD%%/.dvc/tmp/exps/*} ;;
        *) root=$PWD ;;
    esac
fi
case $environment in
    torch) python=${BAKEOFF_PYTHON_TORCH:-$root/.venv-torch/bin/python} ;;
    tf) python=${BAKEOFF_PYTHON_TF:-$root/.venv-tf/bin/python} ;;
    *) echo "bakeoff: environment '$environment' is unknown; expected torch or tf." >&2; exit 1 ;;
esac
if [ ! -x "$python" ]; then
    echo "bakeoff: $python is missing; run 'make setup' in $root." >&2
    exit 1
fi
unset PYTHONHOME VIRTUAL_ENV PYTHONWARNINGS PYTHONOPTIMIZE PYTHONSAFEPATH PYTHONSTARTUP PYTHONINSPECT PYTHONDEVMODE
PYTHONPATH="$PWD/src" PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONHASHSEED=0 exec "$python" -m bakeoff.core.start "$@"
