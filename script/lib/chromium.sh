# shellcheck shell=bash
# The browser whose authenticator the tests of passkeys use, and the program that drives it. Sourced after
# postgres.sh, whose helpers it uses.

need_chromium() {
    local tool missing= advice='install Chromium (or Chrome) and the ChromeDriver of the same version'
    if find_chromium; then return; fi
    case $(package_manager) in
        apt-get) advice='sudo apt-get update && sudo apt-get install -y chromium chromium-driver' ;;
        dnf) advice='sudo dnf install -y chromium chromedriver' ;;
        apk) advice='sudo apk add chromium chromium-chromedriver' ;;
        brew) advice='brew install --cask google-chrome chromedriver' ;;
    esac
    for tool in chromium chromedriver; do
        if ! has "$tool"; then missing="$missing $tool"; fi
    done
    say "Not found:$missing."
    if can_be_root; then
        say "Installing Chromium and its driver, for the tests of passkeys."
        case $(package_manager) in
            apt-get) apt_update && apt_install chromium chromium-driver ;;
            dnf) as_root dnf install -y chromium chromedriver >&2 ;;
            apk) as_root apk add chromium chromium-chromedriver >&2 ;;
        esac || say "That failed."
        if find_chromium; then return; fi
    fi
    die "Chromium and its driver are needed, for the tests of passkeys: $advice"
}

find_chromium() {
    has chromedriver || return 1
    for tool in chromium chromium-browser google-chrome; do
        if has "$tool"; then return; fi
    done
    # Where macOS has it.
    [ -d "/Applications/Google Chrome.app" ]
}
