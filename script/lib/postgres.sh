# shellcheck shell=bash
# What script/server, script/test and .ci/run need from the machine: Rust, a linker and PostgreSQL's
# programs. Sourced, never run. Kept to bash 3.2, which is what macOS ships.
#
# The scripts need the *programs* only. Each starts a private cluster of its own, so no service is
# configured, started or stopped here.

# The oldest major version whose SQL the migrations are written for.
postgres_minimum=15

say() {
    printf '%s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

# Only sudo that asks for nothing counts: a script that stops at a password prompt hangs in CI.
can_be_root() {
    is_root || { has sudo && sudo -n true 2>/dev/null; }
}

as_root() {
    if is_root; then "$@"; else sudo -n "$@"; fi
}

package_manager() {
    local manager
    if [ "$(uname -s)" = Darwin ]; then
        if has brew; then echo brew; fi
        return
    fi
    for manager in apt-get dnf apk; do
        if has "$manager"; then
            echo "$manager"
            return
        fi
    done
}

# stdout belongs to the program that is run in the end, so installers talk on stderr.
apt_update() {
    as_root apt-get -q -o DPkg::Lock::Timeout=300 update >&2
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >&2
}

need_rust() {
    local cargo_bin=${CARGO_HOME:-$HOME/.cargo}/bin
    # A shell that was open while rustup was installed does not have its folder in PATH yet.
    if ! has cargo && [ -x "$cargo_bin/cargo" ]; then
        PATH=$cargo_bin:$PATH
        export PATH
    fi
    has cargo || die "cargo was not found. Install Rust from https://rustup.rs, then run this again."
    need_linker
}

# Rust links through the system's C compiler, and the cryptography library is partly C.
need_linker() {
    local advice
    if [ "$(uname -s)" = Darwin ]; then
        # Without the command line tools /usr/bin/cc exists, but only opens a dialogue.
        xcode-select -p >/dev/null 2>&1 || die "a C compiler is needed. Install it with: xcode-select --install"
        return
    fi
    if has cc; then return; fi

    case $(package_manager) in
        apt-get) advice='apt-get update && sudo apt-get install -y build-essential' ;;
        dnf) advice='dnf install -y gcc' ;;
        apk) advice='apk add build-base' ;;
        *) die "a C compiler is needed: install one that answers to the name cc." ;;
    esac
    can_be_root || die "a C compiler is needed. Install it with: sudo $advice"

    say "No C compiler (cc) found: installing one."
    case $(package_manager) in
        apt-get) apt_update && apt_install build-essential ;;
        dnf) as_root dnf install -y gcc >&2 ;;
        apk) as_root apk add build-base >&2 ;;
    esac || die "the C compiler could not be installed. Try it by hand: sudo $advice"
    has cc || die "a C compiler was installed, but none answers to the name cc."
}

# What the tests use besides: ps to look at processes, curl for the README's tour, openssl for a certificate, and on
# Linux bwrap to confine the program as its image does.
need_test_tools() {
    local tools="ps curl openssl"
    if [ "$(uname -s)" = Linux ]; then tools="$tools bwrap"; fi
    # shellcheck disable=SC2086 # a list of tools
    need_tools "the tests need" $tools
}

# What the benchmark asks with: wrk the server, and pgbench PostgreSQL itself. PostgreSQL is there by then.
need_load_tools() {
    local tools=wrk
    if [ ! -x "$postgres_bin/pgbench" ]; then tools="$tools pgbench"; fi
    # shellcheck disable=SC2086 # a list of tools
    need_tools "the benchmark needs" $tools
}

# need_tools WHO TOOL…: installs those that are not there.
need_tools() {
    local who=$1 tool missing= packages= advice
    shift
    for tool in "$@"; do
        if has "$tool"; then continue; fi
        missing="$missing $tool"
        case $tool in
            # Debian and Alpine have the program in procps, Fedora in procps-ng.
            ps) if [ "$(package_manager)" = dnf ]; then packages="$packages procps-ng"; else packages="$packages procps"; fi ;;
            bwrap) packages="$packages bubblewrap" ;;
            pgbench) packages="$packages $(pgbench_package)" ;;
            *) packages="$packages $tool" ;;
        esac
    done
    if [ -z "$missing" ]; then return; fi
    case $(package_manager) in
        apt-get) advice="sudo apt-get update && sudo apt-get install -y$packages" ;;
        dnf) advice="sudo dnf install -y$packages" ;;
        apk) advice="sudo apk add$packages" ;;
        *) die "$who these programs, which were not found:$missing" ;;
    esac
    can_be_root || die "$who$missing. Install them with: $advice"

    say "Not found:$missing. Installing$packages."
    # shellcheck disable=SC2086 # a list of packages
    case $(package_manager) in
        apt-get) apt_update && apt_install $packages ;;
        dnf) as_root dnf install -y $packages >&2 ;;
        apk) as_root apk add $packages >&2 ;;
    esac || die "they could not be installed. Try it by hand: $advice"
}

# Debian has pgbench with the server, so this is asked elsewhere only.
pgbench_package() {
    case $(package_manager) in
        dnf) echo postgresql-contrib ;;
        apk) echo "postgresql$(($(postgres_version "$postgres_bin") / 100))-contrib" ;;
        *) echo postgresql-contrib ;;
    esac
}

# Sets postgres_bin to the folder of the newest PostgreSQL, installing one where there is none.
need_postgres() {
    postgres_bin=${OTHERWISE__DATABASE__POSTGRES_BIN:-}
    if [ -n "$postgres_bin" ]; then
        # An explicit choice is kept or refused, never silently replaced by another version.
        [ "$(postgres_version "$postgres_bin")" -ge $((postgres_minimum * 100)) ] ||
            die "OTHERWISE__DATABASE__POSTGRES_BIN=$postgres_bin has no PostgreSQL $postgres_minimum or newer (postgres, initdb, pg_ctl)."
        return
    fi
    if find_postgres; then
        need_contrib
        return
    fi
    install_postgres
    find_postgres || die "PostgreSQL was installed, but there is still no version $postgres_minimum or newer. $(newer_postgres_advice)"
}

find_postgres() {
    local folder version newest=$((postgres_minimum * 100 - 1))
    postgres_bin=
    while IFS= read -r folder; do
        version=$(postgres_version "$folder")
        # Only a newer one displaces an earlier find, so PATH decides between equals.
        if [ "$version" -gt "$newest" ]; then
            newest=$version
            postgres_bin=$folder
        fi
    done <<EOF
$(postgres_folders)
EOF
    [ -n "$postgres_bin" ]
}

# One folder a line. A pattern without a match stays as it is written, which is no folder either.
postgres_folders() {
    printf '%s\n' "$PATH" | tr ':' '\n'
    pg_config --bindir 2>/dev/null || true
    printf '%s\n' \
        /usr/lib/postgresql/*/bin \
        /usr/lib/postgresql*/bin \
        /usr/lib64/postgresql*/bin \
        /usr/libexec/postgresql* \
        /usr/pgsql-*/bin \
        /usr/local/pgsql/bin \
        /opt/homebrew/opt/postgresql@*/bin \
        /opt/homebrew/bin \
        /usr/local/opt/postgresql@*/bin \
        /usr/local/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin \
        /Library/PostgreSQL/*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin
}

# "postgres (PostgreSQL) 17.5 (Debian …)" is 1705, "18beta1" is 1800; 0 stands for "not usable".
# A folder with a client only, or with a part of a server, is not usable.
postgres_version() {
    local numbers program
    case $1 in
        /*) ;;
        *) echo 0 && return ;;
    esac
    for program in postgres initdb pg_ctl; do
        if [ ! -x "$1/$program" ]; then echo 0 && return; fi
    done
    numbers=$("$1/postgres" --version 2>/dev/null |
        sed -n 's/^.*(PostgreSQL) \([0-9][0-9]*\)\(\.\([0-9][0-9]*\)\)\{0,1\}.*$/\1 \3/p') || true
    # shellcheck disable=SC2086 # the two numbers are to be split
    set -- $numbers
    echo $((${1:-0} * 100 + ${2:-0}))
}

install_postgres() {
    local manager advice
    manager=$(package_manager)
    case $manager in
        apt-get) advice="sudo apt-get update && sudo apt-get install -y $(apt_postgres_package)" ;;
        dnf) advice='sudo dnf install -y postgresql-server postgresql-contrib' ;;
        apk) advice='sudo apk add postgresql17 postgresql17-contrib' ;;
        brew) advice='brew install postgresql@17' ;;
        *)
            die "PostgreSQL $postgres_minimum or newer is needed and was not found. Install it, or set" \
                "OTHERWISE__DATABASE__POSTGRES_BIN to the folder of postgres, initdb and pg_ctl."
            ;;
    esac
    # Homebrew is the one that must not be root.
    if [ "$manager" != brew ] && ! can_be_root; then
        die "PostgreSQL $postgres_minimum or newer is needed and was not found. Install it with: $advice"
    fi

    say "No PostgreSQL $postgres_minimum or newer found: installing one."
    case $manager in
        apt-get) install_postgres_apt ;;
        dnf) install_postgres_dnf ;;
        apk) install_postgres_apk ;;
        # Unlike "brew services", installing starts nothing.
        brew) HOMEBREW_NO_AUTO_UPDATE=1 brew install postgresql@17 >&2 ;;
    esac || die "PostgreSQL could not be installed. Try it by hand: $advice"
}

# The newest server the configured repositories have; plain "postgresql" where nothing is known yet,
# because the package lists were never fetched.
apt_postgres_package() {
    local major
    major=$(apt-cache search --names-only '^postgresql-[0-9]+$' 2>/dev/null |
        sed -n 's/^postgresql-\([0-9][0-9]*\) .*/\1/p' | sort -n | tail -n 1) || true
    echo "postgresql${major:+-$major}"
}

# Debian's server package makes a cluster "main" on installation and starts it: a service on port 5432
# that nobody asked for. The switch against it is a file of postgresql-common, so that comes first; the
# file is put back afterwards, because what later installations do is the owner's business.
# The body is a subshell, so that the trap is its own.
install_postgres_apt() (
    conf=/etc/postgresql-common/createcluster.conf
    apt_update || exit 1
    package=$(apt_postgres_package)
    if [ "$package" != postgresql ] && [ "${package#postgresql-}" -lt "$postgres_minimum" ]; then
        die "the newest PostgreSQL in this system's repositories is ${package#postgresql-}. $(newer_postgres_advice)"
    fi
    apt_install postgresql-common || exit 1

    if [ -f "$conf" ]; then
        as_root cp -p "$conf" "$conf.before-otherwise" || exit 1
        trap 'as_root mv -f "$conf.before-otherwise" "$conf"' EXIT
    else
        trap 'as_root rm -f "$conf"' EXIT
    fi
    trap 'exit 1' HUP INT TERM
    echo 'create_main_cluster = false' | as_root tee -a "$conf" >/dev/null || exit 1
    apt_install "$package"
)

# Fedora has one current version; Red Hat 8 and 9 have several as modules, with an old one as default.
install_postgres_dnf() {
    if as_root dnf -q module list postgresql >/dev/null 2>&1; then
        as_root dnf -y module enable postgresql:16 >&2 || as_root dnf -y module enable postgresql:15 >&2 || true
    fi
    as_root dnf install -y postgresql-server postgresql-contrib >&2
}

install_postgres_apk() {
    local major
    for major in 18 17 16 15; do
        if as_root apk add "postgresql$major" "postgresql$major-contrib" >&2; then return; fi
    done
    return 1
}

# The schema makes the extension pg_trgm. Debian, Ubuntu and Homebrew have it with the server, Fedora, Red Hat and Alpine
# in a package of its own, which a server that was there before may lack. Where it cannot be installed here, the
# server says so when it makes its schema.
need_contrib() {
    local control major
    for control in \
        "$("$postgres_bin/pg_config" --sharedir 2>/dev/null)/extension/pg_trgm.control" \
        "$postgres_bin"/../share/extension/pg_trgm.control \
        "$postgres_bin"/../share/postgresql*/extension/pg_trgm.control \
        /usr/share/pgsql/extension/pg_trgm.control \
        /usr/share/postgresql*/extension/pg_trgm.control; do
        if [ -f "$control" ]; then return; fi
    done
    major=$(($(postgres_version "$postgres_bin") / 100))
    case $(package_manager) in
        dnf | apk) can_be_root || return 0 ;;
        *) return 0 ;;
    esac
    say "PostgreSQL's extension pg_trgm was not found: installing it."
    case $(package_manager) in
        dnf) as_root dnf install -y postgresql-contrib >&2 ;;
        apk) as_root apk add "postgresql$major-contrib" >&2 ;;
    esac || say "It could not be installed; the server says what it needs."
}

newer_postgres_advice() {
    case $(package_manager) in
        apt-get)
            printf '%s' "Newer ones come from PostgreSQL's own repository: sudo apt-get install -y postgresql-common ca-certificates" \
                " && sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && sudo apt-get install -y postgresql-17"
            ;;
        *) printf '%s' "Newer ones come from PostgreSQL's own repository: https://www.postgresql.org/download/" ;;
    esac
}
