# The .deb: scripts/package calls cpack. What its scripts do on install, upgrade, remove and purge: docs/packaging.md.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME everleaf)
set(CPACK_PACKAGE_CONTACT "everleaf maintainers <maintainers@everleaf.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "client for step-ca that keeps certificates fresh")
set(CPACK_PACKAGE_DESCRIPTION "everleafd renews a proxy's mutual-TLS certificates in time, with a new key,
swaps the files so that nobody sees half of a pair, and makes the proxy take
them up. everleaf is a command line with the commands, flags, files and exit
statuses of Smallstep's step. The static library libeverleaf and its headers
are included.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4 (>= 7.87)") # loaded when it is needed, which shlibdeps does not see
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "systemd | systemd-standalone-sysusers, polkitd")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libssl-dev, libsystemd-dev")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/postinst ${CMAKE_CURRENT_LIST_DIR}/prerm
                                       ${CMAKE_CURRENT_LIST_DIR}/postrm ${CMAKE_CURRENT_LIST_DIR}/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_SET_DESTDIR ON) # for what is in /etc
set(CPACK_STRIP_FILES ON)

# Debian's names and places for what every package has.
find_program(GZIP gzip REQUIRED)
set(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)
add_custom_command(OUTPUT ${changelog} COMMAND ${GZIP} -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md > ${changelog}
                   DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md)
add_custom_target(changelog ALL DEPENDS ${changelog})
install(FILES ${changelog} ${CMAKE_CURRENT_LIST_DIR}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
include(CPack)
