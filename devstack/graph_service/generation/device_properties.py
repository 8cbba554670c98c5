"""Names of plain settings per device configuration type: switches, numbers and choices.

Facts of the Graph schema; which of them an object sets is drawn by the generator.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlainSettings:
    """Property names of one derived type, by the kind of value they take."""

    type_name: str  # without #microsoft.graph.
    switches: tuple[str, ...]
    numbers: tuple[str, ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _choices(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    pairs = (entry.split("=") for entry in text.split())
    return tuple((name, tuple(values.split("|"))) for name, values in pairs)


WINDOWS10_GENERAL = PlainSettings(
    type_name="windows10GeneralConfiguration",
    switches=_names(
        """
        accountsBlockAddingNonMicrosoftAccountEmail antiTheftModeBlocked
        appManagementMSIAllowUserControlOverInstall
        appManagementMSIAlwaysInstallWithElevatedPrivileges appsBlockWindowsStoreOriginatedApps
        authenticationAllowSecondaryDevice bluetoothBlockAdvertising
        bluetoothBlockDiscoverableMode bluetoothBlockPrePairing
        bluetoothBlockPromptedProximalConnections bluetoothBlocked cameraBlocked
        cellularBlockDataWhenRoaming cellularBlockVpn cellularBlockVpnWhenRoaming
        certificatesBlockManualRootCertificateInstallation connectedDevicesServiceBlocked
        copyPasteBlocked cortanaBlocked cryptographyAllowFipsAlgorithmPolicy
        dataProtectionBlockDirectMemoryAccess defenderBlockEndUserAccess
        defenderBlockOnAccessProtection defenderDisableCatchupFullScan
        defenderDisableCatchupQuickScan defenderRequireBehaviorMonitoring
        defenderRequireCloudProtection defenderRequireNetworkInspectionSystem
        defenderRequireRealTimeMonitoring defenderScanArchiveFiles defenderScanDownloads
        defenderScanIncomingMail defenderScanMappedNetworkDrivesDuringFullScan
        defenderScanNetworkFiles defenderScanRemovableDrivesDuringFullScan
        defenderScanScriptsLoadedInInternetExplorer defenderScheduleScanEnableLowCpuPriority
        deviceManagementBlockFactoryResetOnMobile deviceManagementBlockManualUnenroll
        edgeAllowStartPagesModification edgeBlockAccessToAboutFlags edgeBlockAddressBarDropdown
        edgeBlockAutofill edgeBlockCompatibilityList edgeBlockDeveloperTools
        edgeBlockEditFavorites edgeBlockExtensions edgeBlockFullScreenMode
        edgeBlockInPrivateBrowsing edgeBlockJavaScript edgeBlockLiveTileDataCollection
        edgeBlockPasswordManager edgeBlockPopups edgeBlockPrelaunch edgeBlockPrinting
        edgeBlockSavingHistory edgeBlockSearchEngineCustomization edgeBlockSearchSuggestions
        edgeBlockSendingDoNotTrackHeader edgeBlockSendingIntranetTrafficToInternetExplorer
        edgeBlockSideloadingExtensions edgeBlockTabPreloading edgeBlockWebContentOnNewTabPage
        edgeBlocked edgeClearBrowsingDataOnExit edgeDisableFirstRunPage
        edgeHomeButtonConfigurationEnabled edgePreventCertificateErrorOverride
        edgeRequireSmartScreen edgeSendIntranetTrafficToInternetExplorer
        edgeSyncFavoritesWithInternetExplorer enableAutomaticRedeployment
        experienceBlockDeviceDiscovery experienceBlockErrorDialogWhenNoSIM
        experienceBlockTaskSwitcher gameDvrBlocked inkWorkspaceBlockSuggestedApps
        internetSharingBlocked locationServicesBlocked lockScreenAllowTimeoutConfiguration
        lockScreenBlockActionCenterNotifications lockScreenBlockCortana
        lockScreenBlockToastNotifications logonBlockFastUserSwitching messagingBlockMMS
        messagingBlockRichCommunicationServices messagingBlockSync
        microsoftAccountBlockSettingsSync microsoftAccountBlocked
        networkProxyApplySettingsDeviceWide networkProxyDisableAutoDetect nfcBlocked
        oneDriveDisableFileSync passwordBlockSimple passwordRequireWhenResumeFromIdleState
        passwordRequired printerBlockAddition privacyAutoAcceptPairingAndConsentPrompts
        privacyBlockActivityFeed privacyBlockInputPersonalization
        privacyBlockPublishUserActivities privacyDisableLaunchExperience
        resetProtectionModeBlocked screenCaptureBlocked searchBlockDiacritics
        searchBlockWebResults searchDisableAutoLanguageDetection searchDisableIndexerBackoff
        searchDisableIndexingEncryptedItems searchDisableIndexingRemovableDrive
        searchDisableLocation searchDisableUseLocation searchEnableAutomaticIndexSizeManangement
        searchEnableRemoteQueries securityBlockAzureADJoinedDevicesAutoEncryption
        settingsBlockAccountsPage settingsBlockAddProvisioningPackage settingsBlockAppsPage
        settingsBlockChangeLanguage settingsBlockChangePowerSleep settingsBlockChangeRegion
        settingsBlockChangeSystemTime settingsBlockDevicesPage settingsBlockEaseOfAccessPage
        settingsBlockEditDeviceName settingsBlockGamingPage settingsBlockNetworkInternetPage
        settingsBlockPersonalizationPage settingsBlockPrivacyPage
        settingsBlockRemoveProvisioningPackage settingsBlockSettingsApp settingsBlockSystemPage
        settingsBlockTimeLanguagePage settingsBlockUpdateSecurityPage sharedUserAppDataAllowed
        smartScreenBlockPromptOverride smartScreenBlockPromptOverrideForFiles
        smartScreenEnableAppInstallControl startBlockUnpinningAppsFromTaskbar
        startMenuHideChangeAccountSettings startMenuHideFrequentlyUsedApps
        startMenuHideHibernate startMenuHideLock startMenuHidePowerButton
        startMenuHideRecentJumpLists startMenuHideRecentlyAddedApps startMenuHideRestartOptions
        startMenuHideShutDown startMenuHideSignOut startMenuHideSleep
        """
    ),
    numbers=_names(
        """
        defenderCloudExtendedTimeout defenderCloudExtendedTimeoutInSeconds
        defenderDaysBeforeDeletingQuarantinedMalware defenderScanMaxCpu
        defenderSignatureUpdateIntervalInHours edgeKioskResetAfterIdleTimeInMinutes
        energySaverOnBatteryThresholdPercentage energySaverPluggedInThresholdPercentage
        enterpriseCloudPrintDiscoveryMaxLimit lockScreenTimeoutInSeconds passwordExpirationDays
        passwordMinimumAgeInDays passwordMinimumCharacterSetCount passwordMinimumLength
        passwordMinutesOfInactivityBeforeScreenTimeout passwordPreviousPasswordBlockCount
        passwordSignInFailureCountBeforeFactoryReset wiFiScanInterval
        """
    ),
    choices=_choices(
        """
        activateAppsWithVoice=notConfigured|enabled|disabled
        appsAllowTrustedAppsSideloading=notConfigured|blocked|allowed
        authenticationWebSignIn=notConfigured|enabled|disabled
        cellularData=blocked|required|allowed
        defenderCloudBlockLevel=notConfigured|high|highPlus
        defenderMonitorFileActivity=userDefined|disable|monitorAllFiles
        defenderPotentiallyUnwantedAppAction=deviceDefault|block|audit
        defenderPotentiallyUnwantedAppActionSetting=userDefined|enable|auditMode
        defenderScanType=userDefined|disabled|quick
        defenderSubmitSamplesConsentType=sendSafeSamplesAutomatically|alwaysPrompt|neverSend
        defenderSystemScanSchedule=userDefined|everyday|sunday
        developerUnlockSetting=notConfigured|blocked|allowed
        diagnosticsDataSubmissionMode=userDefined|none|basic
        edgeCookiePolicy=userDefined|allow|blockThirdParty
        edgeFavoritesBarVisibility=notConfigured|hide|show
        edgeKioskModeRestriction=notConfigured|digitalSignage|normalMode
        edgeOpensWith=notConfigured|startPage|newTabPage
        edgeShowMessageWhenOpeningInternetExplorerSites=notConfigured|disabled|enabled
        edgeTelemetryForMicrosoft365Analytics=notConfigured|intranet|internet
        experienceDoNotSyncBrowserSettings=notConfigured|blockedWithUserOverride|blocked
        findMyFiles=notConfigured|enabled|disabled
        inkWorkspaceAccess=notConfigured|enabled|disabled
        inkWorkspaceAccessState=notConfigured|blocked|allowed
        lockScreenActivateAppsWithVoice=notConfigured|enabled|disabled
        microsoftAccountSignInAssistantSettings=notConfigured|disabled
        passwordRequiredType=deviceDefault|alphanumeric|numeric
        powerButtonActionOnBattery=notConfigured|noAction|sleep
        powerButtonActionPluggedIn=notConfigured|noAction|sleep
        powerHybridSleepOnBattery=notConfigured|enabled|disabled
        powerHybridSleepPluggedIn=notConfigured|enabled|disabled
        powerLidCloseActionOnBattery=notConfigured|noAction|sleep
        powerLidCloseActionPluggedIn=notConfigured|noAction|sleep
        powerSleepButtonActionOnBattery=notConfigured|noAction|sleep
        powerSleepButtonActionPluggedIn=notConfigured|noAction|sleep
        privacyAdvertisingId=notConfigured|blocked|allowed
        safeSearchFilter=userDefined|strict|moderate
        smartScreenAppInstallControl=notConfigured|anywhere|storeOnly
        startMenuMode=userDefined|fullScreen|nonFullScreen
        startMenuPinnedFolderDocuments=notConfigured|hide|show
        startMenuPinnedFolderDownloads=notConfigured|hide|show
        """
    ),
)
ENDPOINT_PROTECTION = PlainSettings(
    type_name="windows10EndpointProtectionConfiguration",
    switches=_names(
        """
        applicationGuardAllowCameraMicrophoneRedirection applicationGuardAllowFileSaveOnHost
        applicationGuardAllowPersistence applicationGuardAllowPrintToLocalPrinters
        applicationGuardAllowPrintToNetworkPrinters applicationGuardAllowPrintToPDF
        applicationGuardAllowPrintToXPS applicationGuardAllowVirtualGPU
        applicationGuardBlockNonEnterpriseContent applicationGuardEnabled
        applicationGuardForceAuditing bitLockerAllowStandardUserEncryption
        bitLockerDisableWarningForOtherDiskEncryption
        bitLockerEnableStorageCardEncryptionOnMobile bitLockerEncryptDevice
        defenderAllowBehaviorMonitoring defenderAllowCloudProtection defenderAllowEndUserAccess
        defenderAllowIntrusionPreventionSystem defenderAllowOnAccessProtection
        defenderAllowRealTimeMonitoring defenderAllowScanArchiveFiles defenderAllowScanDownloads
        defenderAllowScanNetworkFiles defenderAllowScanRemovableDrivesDuringFullScan
        defenderAllowScanScriptsLoadedInInternetExplorer defenderBlockEndUserAccess
        defenderCheckForSignaturesBeforeRunningScan defenderDisableBehaviorMonitoring
        defenderDisableCatchupFullScan defenderDisableCatchupQuickScan
        defenderDisableCloudProtection defenderDisableIntrusionPreventionSystem
        defenderDisableOnAccessProtection defenderDisableRealTimeMonitoring
        defenderDisableScanArchiveFiles defenderDisableScanDownloads
        defenderDisableScanNetworkFiles defenderDisableScanRemovableDrivesDuringFullScan
        defenderDisableScanScriptsLoadedInInternetExplorer defenderEnableLowCpuPriority
        defenderEnableScanIncomingMail defenderEnableScanMappedNetworkDrivesDuringFullScan
        defenderSecurityCenterBlockExploitProtectionOverride
        defenderSecurityCenterDisableAccountUI defenderSecurityCenterDisableAppBrowserUI
        defenderSecurityCenterDisableClearTpmUI defenderSecurityCenterDisableFamilyUI
        defenderSecurityCenterDisableHardwareUI defenderSecurityCenterDisableHealthUI
        defenderSecurityCenterDisableNetworkUI defenderSecurityCenterDisableNotificationAreaUI
        defenderSecurityCenterDisableRansomwareUI defenderSecurityCenterDisableSecureBootUI
        defenderSecurityCenterDisableTroubleshootingUI defenderSecurityCenterDisableVirusUI
        defenderSecurityCenterDisableVulnerableTpmFirmwareUpdateUI
        deviceGuardEnableSecureBootWithDMA deviceGuardEnableVirtualizationBasedSecurity
        firewallBlockStatefulFTP firewallIPSecExemptionsAllowDHCP
        firewallIPSecExemptionsAllowICMP firewallIPSecExemptionsAllowNeighborDiscovery
        firewallIPSecExemptionsAllowRouterDiscovery firewallIPSecExemptionsNone
        firewallMergeKeyingModuleSettings lanManagerWorkstationDisableInsecureGuestLogons
        localSecurityOptionsAllowAnonymousEnumerationOfSAMAccountsAndShares
        localSecurityOptionsAllowPKU2UAuthenticationRequests
        localSecurityOptionsAllowRemoteCallsToSecurityAccountsManagerHelperBool
        localSecurityOptionsAllowSystemToBeShutDownWithoutHavingToLogOn
        localSecurityOptionsAllowUIAccessApplicationElevation
        localSecurityOptionsAllowUIAccessApplicationsForSecureLocations
        localSecurityOptionsAllowUndockWithoutHavingToLogon
        localSecurityOptionsBlockMicrosoftAccounts
        localSecurityOptionsBlockRemoteLogonWithBlankPassword
        localSecurityOptionsBlockRemoteOpticalDriveAccess
        localSecurityOptionsBlockUsersInstallingPrinterDrivers
        localSecurityOptionsClearVirtualMemoryPageFile
        localSecurityOptionsClientDigitallySignCommunicationsAlways
        localSecurityOptionsClientSendUnencryptedPasswordToThirdPartySMBServers
        localSecurityOptionsDetectApplicationInstallationsAndPromptForElevation
        localSecurityOptionsDisableAdministratorAccount
        localSecurityOptionsDisableClientDigitallySignCommunicationsIfServerAgrees
        localSecurityOptionsDisableGuestAccount
        localSecurityOptionsDisableServerDigitallySignCommunicationsAlways
        localSecurityOptionsDisableServerDigitallySignCommunicationsIfClientAgrees
        localSecurityOptionsDoNotAllowAnonymousEnumerationOfSAMAccounts
        localSecurityOptionsDoNotRequireCtrlAltDel
        localSecurityOptionsDoNotStoreLANManagerHashValueOnNextPasswordChange
        localSecurityOptionsHideLastSignedInUser localSecurityOptionsHideUsernameAtSignIn
        localSecurityOptionsOnlyElevateSignedExecutables
        localSecurityOptionsRestrictAnonymousAccessToNamedPipesAndShares
        localSecurityOptionsSwitchToSecureDesktopWhenPromptingForElevation
        localSecurityOptionsUseAdminApprovalMode
        localSecurityOptionsUseAdminApprovalModeForAdministrators
        localSecurityOptionsVirtualizeFileAndRegistryWriteFailuresToPerUserLocations
        smartScreenBlockOverrideForFiles smartScreenEnableInShell
        xboxServicesEnableXboxGameSaveTask
        """
    ),
    numbers=_names(
        """
        defenderCloudExtendedTimeoutInSeconds defenderDaysBeforeDeletingQuarantinedMalware
        defenderScanMaxCpuPercentage defenderSignatureUpdateIntervalInHours
        firewallIdleTimeoutForSecurityAssociationInSeconds
        localSecurityOptionsMachineInactivityLimit
        localSecurityOptionsMachineInactivityLimitInMinutes
        """
    ),
    choices=_choices(
        """
        applicationGuardBlockClipboardSharing=notConfigured|blockBoth|blockHostToContainer
        applicationGuardBlockFileTransfer=notConfigured|blockImageAndTextFile|blockImageFile
        applicationGuardEnabledOptions=notConfigured|enabledForEdge|enabledForOffice
        bitLockerRecoveryPasswordRotation=notConfigured|disabled|enabledForAzureAd
        defenderAdobeReaderLaunchChildProcess=userDefined|enable|auditMode
        defenderAdvancedRansomewareProtectionType=userDefined|enable|auditMode
        defenderBlockPersistenceThroughWmiType=userDefined|block|auditMode
        defenderCloudBlockLevel=notConfigured|high|highPlus
        defenderEmailContentExecution=userDefined|enable|auditMode
        defenderEmailContentExecutionType=userDefined|block|auditMode
        defenderGuardMyFoldersType=userDefined|enable|auditMode
        defenderNetworkProtectionType=userDefined|enable|auditMode
        defenderOfficeAppsExecutableContentCreationOrLaunch=userDefined|enable|auditMode
        defenderOfficeAppsExecutableContentCreationOrLaunchType=userDefined|block|auditMode
        defenderOfficeAppsLaunchChildProcess=userDefined|enable|auditMode
        defenderOfficeAppsLaunchChildProcessType=userDefined|block|auditMode
        defenderOfficeAppsOtherProcessInjection=userDefined|enable|auditMode
        defenderOfficeAppsOtherProcessInjectionType=userDefined|block|auditMode
        defenderOfficeCommunicationAppsLaunchChildProcess=userDefined|enable|auditMode
        defenderOfficeMacroCodeAllowWin32Imports=userDefined|enable|auditMode
        defenderOfficeMacroCodeAllowWin32ImportsType=userDefined|block|auditMode
        defenderPotentiallyUnwantedAppAction=userDefined|enable|auditMode
        defenderPreventCredentialStealingType=userDefined|enable|auditMode
        defenderProcessCreation=userDefined|enable|auditMode
        defenderProcessCreationType=userDefined|block|auditMode
        defenderScanType=userDefined|disabled|quick
        defenderScheduledScanDay=userDefined|everyday|sunday
        defenderScriptDownloadedPayloadExecution=userDefined|enable|auditMode
        defenderScriptDownloadedPayloadExecutionType=userDefined|block|auditMode
        defenderScriptObfuscatedMacroCode=userDefined|enable|auditMode
        defenderScriptObfuscatedMacroCodeType=userDefined|block|auditMode
        defenderSubmitSamplesConsentType=sendSafeSamplesAutomatically|alwaysPrompt|neverSend
        defenderUntrustedExecutable=userDefined|enable|auditMode
        defenderUntrustedExecutableType=userDefined|block|auditMode
        defenderUntrustedUSBProcess=userDefined|enable|auditMode
        defenderUntrustedUSBProcessType=userDefined|block|auditMode
        deviceGuardLaunchSystemGuard=notConfigured|enabled|disabled
        deviceGuardSecureBootWithDMA=notConfigured|withoutDMA|withDMA
        dmaGuardDeviceEnumerationPolicy=deviceDefault|blockAll|allowAll
        firewallCertificateRevocationListCheckMethod=deviceDefault|none|attempt
        """
    ),
)
IOS_GENERAL = PlainSettings(
    type_name="iosGeneralDeviceConfiguration",
    switches=_names(
        """
        accountBlockModification activationLockAllowWhenSupervised airDropBlocked
        airDropForceUnmanagedDropTarget airPlayForcePairingPasswordForOutgoingRequests
        airPrintBlockCredentialsStorage airPrintBlocked airPrintBlockiBeaconDiscovery
        airPrintForceTrustedTLS appClipsBlocked appRemovalBlocked
        appStoreBlockAutomaticDownloads appStoreBlockInAppPurchases
        appStoreBlockUIAppInstallation appStoreBlocked appStoreRequirePassword appleNewsBlocked
        applePersonalizedAdsBlocked appleWatchBlockPairing appleWatchForceWristDetection
        autoFillForceAuthentication autoUnlockBlocked blockSystemAppRemoval
        bluetoothBlockModification cameraBlocked cellularBlockDataRoaming
        cellularBlockGlobalBackgroundFetchWhileRoaming cellularBlockPerAppDataModification
        cellularBlockPersonalHotspot cellularBlockPersonalHotspotModification
        cellularBlockPlanModification cellularBlockVoiceRoaming
        certificatesBlockUntrustedTlsCertificates classroomAppBlockRemoteScreenObservation
        classroomAppForceUnpromptedScreenObservation classroomForceAutomaticallyJoinClasses
        classroomForceRequestPermissionToLeaveClasses classroomForceUnpromptedAppAndDeviceLock
        configurationProfileBlockChanges contactsAllowManagedToUnmanagedWrite
        contactsAllowUnmanagedToManagedRead continuousPathKeyboardBlocked
        dateAndTimeForceSetAutomatically definitionLookupBlocked deviceBlockEnableRestrictions
        deviceBlockEraseContentAndSettings deviceBlockNameModification
        diagnosticDataBlockSubmission diagnosticDataBlockSubmissionModification
        documentsBlockManagedDocumentsInUnmanagedApps
        documentsBlockUnmanagedDocumentsInManagedApps enterpriseAppBlockTrust
        enterpriseAppBlockTrustModification enterpriseBookBlockBackup
        enterpriseBookBlockMetadataSync esimBlockModification faceTimeBlocked
        filesNetworkDriveAccessBlocked filesUsbDriveAccessBlocked findMyDeviceInFindMyAppBlocked
        findMyFriendsBlocked findMyFriendsInFindMyAppBlocked gameCenterBlocked
        gamingBlockGameCenterFriends gamingBlockMultiplayer hostPairingBlocked
        iBooksStoreBlockErotica iBooksStoreBlocked iCloudBlockActivityContinuation
        iCloudBlockBackup iCloudBlockDocumentSync iCloudBlockManagedAppsSync
        iCloudBlockPhotoLibrary iCloudBlockPhotoStreamSync iCloudBlockSharedPhotoStream
        iCloudPrivateRelayBlocked iCloudRequireEncryptedBackup iTunesBlockExplicitContent
        iTunesBlockMusicService iTunesBlockRadio iTunesBlocked keyboardBlockAutoCorrect
        keyboardBlockDictation keyboardBlockPredictive keyboardBlockShortcuts
        keyboardBlockSpellCheck keychainBlockCloudSync kioskModeAllowAssistiveSpeak
        kioskModeAllowAssistiveTouchSettings kioskModeAllowAutoLock
        kioskModeAllowColorInversionSettings kioskModeAllowRingerSwitch
        kioskModeAllowScreenRotation kioskModeAllowSleepButton kioskModeAllowTouchscreen
        kioskModeAllowVoiceControlModification kioskModeAllowVoiceOverSettings
        kioskModeAllowVolumeButtons kioskModeAllowZoomSettings kioskModeBlockAutoLock
        kioskModeBlockRingerSwitch kioskModeBlockScreenRotation kioskModeBlockSleepButton
        kioskModeBlockTouchscreen kioskModeBlockVolumeButtons kioskModeEnableVoiceControl
        kioskModeRequireAssistiveTouch kioskModeRequireColorInversion kioskModeRequireMonoAudio
        kioskModeRequireVoiceOver kioskModeRequireZoom lockScreenBlockControlCenter
        lockScreenBlockNotificationView lockScreenBlockPassbook lockScreenBlockTodayView
        managedPasteboardRequired messagesBlocked nfcBlocked
        notificationsBlockSettingsModification onDeviceOnlyDictationForced
        onDeviceOnlyTranslationForced passcodeBlockFingerprintModification
        passcodeBlockFingerprintUnlock passcodeBlockModification passcodeBlockSimple
        passcodeRequired passwordBlockAirDropSharing passwordBlockAutoFill
        passwordBlockProximityRequests pkiBlockOTAUpdates podcastsBlocked
        privacyForceLimitAdTracking proximityBlockSetupToNewDevice safariBlockAutofill
        safariBlockJavaScript safariBlockPopups safariBlocked safariRequireFraudWarning
        screenCaptureBlocked sharedDeviceBlockTemporarySessions siriBlockUserGeneratedContent
        siriBlocked siriBlockedWhenLocked siriRequireProfanityFilter softwareUpdatesForceDelayed
        spotlightBlockInternetResults unpairedExternalBootToRecoveryAllowed
        usbRestrictedModeBlocked voiceDialingBlocked vpnBlockCreation
        """
    ),
    numbers=_names(
        """
        passcodeExpirationDays passcodeMinimumCharacterSetCount passcodeMinimumLength
        passcodeMinutesOfInactivityBeforeLock passcodeMinutesOfInactivityBeforeScreenTimeout
        passcodePreviousPasscodeBlockCount passcodeSignInFailureCountBeforeWipe
        softwareUpdatesEnforcedDelayInDays
        """
    ),
    choices=_choices(
        """
        appsVisibilityListType=none|appsInListCompliant|appsNotInListCompliant
        compliantAppListType=none|appsInListCompliant|appsNotInListCompliant
        kioskModeAppType=notConfigured|appStoreApp|managedApp
        mediaContentRatingApps=allAllowed|allBlocked|agesAbove4
        passcodeRequiredType=deviceDefault|alphanumeric|numeric
        safariCookieSettings=browserDefault|blockAlways|allowCurrentWebSite
        """
    ),
)
ANDROID_OWNER = PlainSettings(
    type_name="androidDeviceOwnerGeneralDeviceConfiguration",
    switches=_names(
        """
        accountsBlockModification appsAllowInstallFromUnknownSources
        appsRecommendSkippingFirstUseHints bluetoothBlockConfiguration
        bluetoothBlockContactSharing cameraBlocked cellularBlockWiFiTethering
        certificateCredentialConfigurationDisabled crossProfilePoliciesAllowCopyPaste
        crossProfilePoliciesShowWorkContactsInPersonalProfile dataRoamingBlocked
        dateTimeConfigurationBlocked factoryResetBlocked googleAccountsBlocked
        isKioskModeExitCodeSet kioskCustomizationDeviceSettingsBlocked
        kioskCustomizationPowerButtonActionsBlocked kioskCustomizationSystemErrorWarnings
        kioskModeAppOrderEnabled kioskModeAppsInFolderOrderedByName
        kioskModeBluetoothConfigurationEnabled kioskModeDebugMenuEasyAccessEnabled
        kioskModeFlashlightConfigurationEnabled kioskModeLockHomeScreen
        kioskModeManagedHomeScreenAutoSignout kioskModeManagedHomeScreenPinRequired
        kioskModeManagedHomeScreenPinRequiredToResume kioskModeManagedHomeScreenSignInEnabled
        kioskModeManagedSettingsEntryDisabled kioskModeMediaVolumeConfigurationEnabled
        kioskModeScreenSaverConfigurationEnabled kioskModeScreenSaverDetectMediaDisabled
        kioskModeShowAppNotificationBadge kioskModeShowDeviceInfo
        kioskModeVirtualHomeButtonEnabled kioskModeWiFiConfigurationEnabled
        locateDeviceLostModeEnabled locateDeviceUserlessDisabled microphoneForceMute
        microsoftLauncherConfigurationEnabled
        microsoftLauncherCustomWallpaperAllowUserModification
        microsoftLauncherCustomWallpaperEnabled
        microsoftLauncherDockPresenceAllowUserModification
        microsoftLauncherFeedAllowUserModification microsoftLauncherFeedEnabled
        networkEscapeHatchAllowed nfcBlockOutgoingBeam passwordBlockKeyguard
        personalProfileAppsAllowInstallFromUnknownSources personalProfileCameraBlocked
        personalProfileScreenCaptureBlocked screenCaptureBlocked
        securityCommonCriteriaModeEnabled securityDeveloperSettingsEnabled
        securityRequireVerifyApps shareDeviceLocationDisabled statusBarBlocked storageAllowUsb
        storageBlockExternalMedia storageBlockUsbFileTransfer systemWindowsBlocked usersBlockAdd
        usersBlockRemove volumeBlockAdjustment vpnAlwaysOnLockdownMode
        wifiBlockEditConfigurations wifiBlockEditPolicyDefinedConfigurations
        """
    ),
    numbers=_names(
        """
        kioskModeGridHeight kioskModeGridWidth
        kioskModeManagedHomeScreenInactiveSignOutDelayInSeconds
        kioskModeManagedHomeScreenInactiveSignOutNoticeInSeconds
        kioskModeScreenSaverDisplayTimeInSeconds kioskModeScreenSaverStartDelayInSeconds
        passwordExpirationDays passwordMinimumLength passwordMinimumLetterCharacters
        passwordMinimumLowerCaseCharacters passwordMinimumNonLetterCharacters
        passwordMinimumNumericCharacters passwordMinimumSymbolCharacters
        passwordMinimumUpperCaseCharacters passwordMinutesOfInactivityBeforeScreenTimeout
        passwordPreviousPasswordCountToBlock passwordSignInFailureCountBeforeFactoryReset
        systemUpdateWindowEndMinutesAfterMidnight systemUpdateWindowStartMinutesAfterMidnight
        workProfilePasswordExpirationDays workProfilePasswordMinimumLength
        workProfilePasswordMinimumLetterCharacters workProfilePasswordMinimumLowerCaseCharacters
        workProfilePasswordMinimumNonLetterCharacters
        workProfilePasswordMinimumNumericCharacters workProfilePasswordMinimumSymbolCharacters
        workProfilePasswordMinimumUpperCaseCharacters
        workProfilePasswordPreviousPasswordCountToBlock
        workProfilePasswordSignInFailureCountBeforeFactoryReset
        """
    ),
    choices=_choices(
        """
        appsAutoUpdatePolicy=notConfigured|userChoice|never
        appsDefaultPermissionPolicy=deviceDefault|prompt|autoGrant
        deviceLocationMode=notConfigured|disabled
        enrollmentProfile=notConfigured|dedicatedDevice|fullyManaged
        kioskCustomizationSystemNavigation=notConfigured|navigationEnabled|homeButtonOnly
        kioskModeFolderIcon=notConfigured|darkSquare|darkCircle
        kioskModeIconSize=notConfigured|smallest|small
        kioskModeManagedHomeScreenPinComplexity=notConfigured|simple|complex
        kioskModeScreenOrientation=notConfigured|portrait|landscape
        kioskModeUseManagedHomeScreenApp=notConfigured|singleAppMode|multiAppMode
        kioskModeVirtualHomeButtonType=notConfigured|swipeUp|floating
        microsoftLauncherDockPresenceConfiguration=notConfigured|show|hide
        microsoftLauncherSearchBarPlacementConfiguration=notConfigured|top|bottom
        passwordRequireUnlock=deviceDefault|daily|unkownFutureValue
        passwordRequiredType=deviceDefault|required|numeric
        personalProfilePlayStoreMode=notConfigured|blockedApps|allowedApps
        playStoreMode=notConfigured|allowList|blockList
        systemUpdateInstallType=deviceDefault|postpone|windowed
        workProfilePasswordRequireUnlock=deviceDefault|daily|unkownFutureValue
        workProfilePasswordRequiredType=deviceDefault|required|numeric
        """
    ),
)
MACOS_GENERAL = PlainSettings(
    type_name="macOSGeneralDeviceConfiguration",
    switches=_names(
        """
        activationLockWhenSupervisedAllowed addingGameCenterFriendsBlocked airDropBlocked
        appleWatchBlockAutoUnlock cameraBlocked classroomAppBlockRemoteScreenObservation
        classroomAppForceUnpromptedScreenObservation classroomForceAutomaticallyJoinClasses
        classroomForceRequestPermissionToLeaveClasses classroomForceUnpromptedAppAndDeviceLock
        contentCachingBlocked definitionLookupBlocked eraseContentAndSettingsBlocked
        gameCenterBlocked iCloudBlockActivityContinuation iCloudBlockAddressBook
        iCloudBlockBookmarks iCloudBlockCalendar iCloudBlockDocumentSync iCloudBlockMail
        iCloudBlockNotes iCloudBlockPhotoLibrary iCloudBlockReminders
        iCloudDesktopAndDocumentsBlocked iCloudPrivateRelayBlocked iTunesBlockFileSharing
        iTunesBlockMusicService keyboardBlockDictation keychainBlockCloudSync
        multiplayerGamingBlocked passwordBlockAirDropSharing passwordBlockAutoFill
        passwordBlockFingerprintUnlock passwordBlockModification passwordBlockProximityRequests
        passwordBlockSimple passwordRequired safariBlockAutofill screenCaptureBlocked
        spotlightBlockInternetResults wallpaperModificationBlocked
        """
    ),
    numbers=_names(
        """
        passwordExpirationDays passwordMaximumAttemptCount passwordMinimumCharacterSetCount
        passwordMinimumLength passwordMinutesOfInactivityBeforeLock
        passwordMinutesOfInactivityBeforeScreenTimeout passwordMinutesUntilFailedLoginReset
        passwordPreviousPasswordBlockCount softwareUpdateMajorOSDeferredInstallDelayInDays
        softwareUpdateMinorOSDeferredInstallDelayInDays
        softwareUpdateNonOSDeferredInstallDelayInDays softwareUpdatesEnforcedDelayInDays
        touchIdTimeoutInHours
        """
    ),
    choices=_choices(
        """
        compliantAppListType=none|appsInListCompliant|appsNotInListCompliant
        passwordRequiredType=deviceDefault|alphanumeric|numeric
        """
    ),
)
