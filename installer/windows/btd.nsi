; Setup for Windows: for one user, no administrator. Compiled by installer/windows/setup.py.
; UNTESTED ON WINDOWS: it compiles under Linux over a stub; nobody has run the result.
; NSIS packs at most 2 GB: a bundle with CUDA does not fit, hence the pack beside it.

!ifndef VERSION
  !error "give -DVERSION=, -DBUNDLE= and -DOUTPUT="
!endif

Unicode true
Name "BTD Desktop ${VERSION}"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\BTD Desktop"
InstallDirRegKey HKCU "Software\BTD Desktop" "folder"
RequestExecutionLevel user
SetCompressor /SOLID lzma
ShowInstDetails nevershow

!include "MUI2.nsh"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\BTD Desktop"
!insertmacro MUI_PAGE_LICENSE "${LICENCE}"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

Section "BTD Desktop"
  ; What an earlier version left must not be mixed with this one.
  RMDir /r "$INSTDIR\_internal"
  RMDir /r "$INSTDIR\licences"
  SetOutPath "$INSTDIR"
  File /r "${BUNDLE}/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\BTD Desktop.lnk" "$INSTDIR\BTD Desktop.exe"
  WriteRegStr HKCU "Software\BTD Desktop" "folder" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "BTD Desktop"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\BTD Desktop.exe"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

; Only what the setup brought: cases, keys and settings lie elsewhere and stay, and so
; does any file that somebody else put into the folder.
Section "Uninstall"
  RMDir /r "$INSTDIR\_internal"
  RMDir /r "$INSTDIR\licences"
  RMDir /r "$INSTDIR\gpu"
  Delete "$INSTDIR\btd.exe"
  Delete "$INSTDIR\BTD Desktop.exe"
  Delete "$INSTDIR\README.txt"
  Delete "$INSTDIR\SHA256SUMS"
  Delete "$INSTDIR\bill-of-materials.json"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\BTD Desktop.lnk"
  DeleteRegKey HKCU "${UNINSTALL}"
  DeleteRegKey HKCU "Software\BTD Desktop"
SectionEnd
