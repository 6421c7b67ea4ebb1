# shellcheck shell=bash
# The SMTP server that the tests send mail to. Sourced after postgres.sh, whose helpers it uses.

# What is taken from PyPI where there is no system package.
aiosmtpd_version=1.4.6

# Sets aiosmtpd_python to a Python that has aiosmtpd with aiosmtpd_path as its PYTHONPATH, installing it
# where none has: as a system package where that is allowed, else with pip into the target folder, which touches no Python environment.
need_aiosmtpd() {
    local folder="${CARGO_TARGET_DIR:-$PWD/target}/aiosmtpd-$aiosmtpd_version" python
    if find_aiosmtpd "$folder"; then return; fi

    local by_pip="python3 -m pip install --target '$folder' aiosmtpd==$aiosmtpd_version"
    if [ "$(package_manager)" = apt-get ] && can_be_root; then
        say "No aiosmtpd found: installing the package python3-aiosmtpd."
        if apt_update && apt_install python3-aiosmtpd && find_aiosmtpd "$folder"; then return; fi
        say "The package could not be installed: trying pip."
    fi
    for python in python3 python; do
        if ! has "$python" || ! "$python" -m pip --version >/dev/null 2>&1; then continue; fi
        say "No aiosmtpd found: putting it into $folder."
        "$python" -m pip install --quiet --disable-pip-version-check --target "$folder" \
            "aiosmtpd==$aiosmtpd_version" >&2 || die "aiosmtpd could not be installed. Try it by hand: $by_pip"
        if find_aiosmtpd "$folder"; then return; fi
    done
    case $(package_manager) in
        apt-get) die "aiosmtpd is needed, the tests' SMTP server. Install it with: sudo apt-get update && sudo apt-get install -y python3-aiosmtpd" ;;
        *) die "Python 3 with pip is needed, for aiosmtpd, the tests' SMTP server. With it, run: $by_pip" ;;
    esac
}

# A system package belongs to the system's Python, which need not be the first in PATH.
find_aiosmtpd() {
    local python
    aiosmtpd_path=$1
    for python in python3 python /usr/bin/python3; do
        aiosmtpd_python=$(PYTHONPATH=$aiosmtpd_path "$python" -c \
            'import sys, aiosmtpd; print(sys.executable)' 2>/dev/null) && return
    done
    return 1
}
