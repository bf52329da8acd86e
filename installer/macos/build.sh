#!/bin/sh
# Signs, packs and notarises the application that PyInstaller made on a Mac.
# UNTESTED: written without a Mac; only its syntax was checked, under Linux.
#
#   sh installer/macos/build.sh DIST OUT VERSION       called by installer/build.py macos
#
# DIST holds "BTD Desktop.app". Wanted in the environment:
#   BTD_SIGN_AS     name of a "Developer ID Application" certificate in the keychain
#   BTD_NOTARY      name of a profile kept by `xcrun notarytool store-credentials`
# Without the first the application is signed ad hoc, for this Mac only; without the
# second it is not notarised, and Gatekeeper of another Mac refuses it.
set -eu

dist=$1
out=$2
version=$3
here=$(cd "$(dirname "$0")" && pwd)
app="$dist/BTD Desktop.app"
image="$out/btd-desktop-$version-macos-$(uname -m).dmg"
[ -d "$app" ] || { echo "macos: $app is missing" >&2; exit 1; }

sign() {
    codesign --force --timestamp --options runtime \
        --entitlements "$here/entitlements.plist" --sign "$BTD_SIGN_AS" "$1"
}

if [ -n "${BTD_SIGN_AS:-}" ]; then
    # From the inside out: what a signature covers must be signed before.
    find "$app/Contents" -type f \( -name '*.so' -o -name '*.dylib' \) |
        while IFS= read -r library; do sign "$library"; done
    find "$app/Contents" -type d -name '*.framework' |
        while IFS= read -r framework; do sign "$framework"; done
    sign "$app/Contents/MacOS/btd"
    sign "$app"
else
    echo "macos: BTD_SIGN_AS is not set: signed ad hoc" >&2
    codesign --force --deep --sign - "$app"
fi
codesign --verify --deep --strict "$app"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -R "$app" "$stage/"
ln -s /Applications "$stage/Applications"
hdiutil create -volname "BTD Desktop $version" -srcfolder "$stage" -ov -format UDZO "$image"

if [ -n "${BTD_SIGN_AS:-}" ] && [ -n "${BTD_NOTARY:-}" ]; then
    codesign --timestamp --sign "$BTD_SIGN_AS" "$image"
    xcrun notarytool submit "$image" --keychain-profile "$BTD_NOTARY" --wait
    xcrun stapler staple "$image"
    spctl --assess --type open --context context:primary-signature "$image"
else
    echo "macos: not notarised" >&2
fi
echo "$image"
