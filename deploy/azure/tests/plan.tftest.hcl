# What is planned, without Azure: the provider is mocked, its schema is the real one.
mock_provider "azurerm" {
  override_during = plan

  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.ManagedIdentity/userAssignedIdentities/tidemark"
      client_id    = "11111111-2222-3333-4444-555555555555"
      principal_id = "66666666-7777-8888-9999-000000000000"
    }
  }

  mock_resource "azurerm_public_ip" {
    defaults = {
      id         = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Network/publicIPAddresses/tidemark"
      ip_address = "198.51.100.7"
    }
  }

  mock_resource "azurerm_subnet" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Network/virtualNetworks/tidemark/subnets/vm"
    }
  }

  mock_resource "azurerm_storage_account" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Storage/storageAccounts/tidemark"
    }
  }

  mock_resource "azurerm_log_analytics_workspace" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.OperationalInsights/workspaces/tidemark-backups"
    }
  }

  mock_resource "azurerm_linux_virtual_machine" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark-vm/providers/Microsoft.Compute/virtualMachines/tidemark"
    }
  }

  mock_resource "azurerm_managed_disk" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Compute/disks/tidemark-data"
    }
  }

  mock_resource "azurerm_application_insights" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Insights/components/tidemark"
    }
  }

  mock_resource "azurerm_application_insights_standard_web_test" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Insights/webTests/tidemark"
    }
  }

  mock_resource "azurerm_monitor_data_collection_rule" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Insights/dataCollectionRules/tidemark-vm"
    }
  }

  mock_resource "azurerm_monitor_action_group" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Insights/actionGroups/tidemark-administrators"
    }
  }

  mock_resource "azurerm_storage_container" {
    defaults = {
      id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/tidemark/providers/Microsoft.Storage/storageAccounts/tidemark/blobServices/default/containers/backups"
    }
  }
}

variables {
  subscription_id = "01234567-89ab-cdef-0123-456789abcdef"
  dns_label       = "tidemark-test"
  ssh_public_key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE9Yc0b2tL7n2m0Y1hJmQb3uXlG5pZ8w4kq6sT1vRfAa someone@example.org"
  monthly_budget  = 100
  alert_emails    = ["someone@example.org"]
  tags            = { owner = "someone" }
}

run "only_web_ports_come_in" {
  command = plan

  assert {
    condition     = toset(keys(azurerm_network_security_rule.inbound)) == toset(["http", "https"])
    error_message = "Without admin_cidrs HTTP and HTTPS alone come in."
  }
  assert {
    condition     = alltrue([for rule in azurerm_network_security_rule.inbound : contains(["80", "443"], rule.destination_port_range) && rule.destination_port_ranges == null])
    error_message = "A rule opens a port that isn't 80 or 443."
  }
  assert {
    condition     = alltrue([for rule in azurerm_network_security_rule.inbound : rule.protocol == "Tcp" && rule.access == "Allow" && rule.direction == "Inbound" && rule.priority < azurerm_network_security_rule.deny.priority])
    error_message = "A rule is not TCP, or comes after the last one."
  }
  assert {
    condition = (
      azurerm_network_security_rule.deny.access == "Deny" && azurerm_network_security_rule.deny.direction == "Inbound" && azurerm_network_security_rule.deny.protocol == "*"
      && azurerm_network_security_rule.deny.source_address_prefix == "*" && azurerm_network_security_rule.deny.destination_port_range == "*"
    )
    error_message = "The last rule doesn't close everything else."
  }
  assert {
    condition     = azurerm_subnet_network_security_group_association.this.subnet_id == azurerm_subnet.this.id
    error_message = "The rules aren't those of the subnet."
  }
  assert {
    condition     = output.ssh == "closed: set admin_cidrs"
    error_message = "The output says that SSH is open."
  }
}

run "ssh_is_open_for_the_addresses_given" {
  command = plan

  variables {
    admin_cidrs = ["203.0.113.7/32", "2001:db8:1:100::/56"]
  }

  assert {
    condition     = toset([for rule in azurerm_network_security_rule.inbound : rule.destination_port_range]) == toset(["22", "80", "443"])
    error_message = "Other ports than 22, 80 and 443 are open."
  }
  assert {
    condition     = azurerm_network_security_rule.inbound["ssh"].source_address_prefixes == toset(var.admin_cidrs) && azurerm_network_security_rule.inbound["ssh"].source_address_prefix == null
    error_message = "SSH is open for others than those given."
  }
  assert {
    condition     = output.ssh == "ssh azureuser@tidemark-test.westeurope.cloudapp.azure.com"
    error_message = "The output isn't the way in."
  }
}

run "one_address_is_enough_for_ssh" {
  command = plan

  variables {
    admin_cidrs = ["203.0.113.7/32"]
  }

  assert {
    condition     = azurerm_network_security_rule.inbound["ssh"].source_address_prefix == "203.0.113.7/32"
    error_message = "SSH is open for others than the one given."
  }
}

run "data_outlive_the_vm" {
  command = plan

  assert {
    condition     = azurerm_managed_disk.data.resource_group_name != azurerm_linux_virtual_machine.this.resource_group_name && azurerm_storage_account.backups.resource_group_name != azurerm_linux_virtual_machine.this.resource_group_name
    error_message = "Data and VM lie in the same resource group."
  }
  assert {
    condition     = azurerm_managed_disk.data.network_access_policy == "DenyAll" && !azurerm_managed_disk.data.public_network_access_enabled && azurerm_managed_disk.data.create_option == "Empty"
    error_message = "The disk can be exported over the network."
  }
  assert {
    condition     = azurerm_virtual_machine_data_disk_attachment.data.lun == 10 && azurerm_virtual_machine_data_disk_attachment.data.caching == "None"
    error_message = "The disk is attached elsewhere than where the VM looks, or cached."
  }
  assert {
    condition     = strcontains(base64decode(azurerm_linux_virtual_machine.this.custom_data), "TIDEMARK_DATA_LUN=${azurerm_virtual_machine_data_disk_attachment.data.lun}\n")
    error_message = "The VM looks for its disk elsewhere than where it is attached."
  }
}

run "the_vm_is_hardened" {
  command = plan

  assert {
    condition     = azurerm_linux_virtual_machine.this.disable_password_authentication && azurerm_linux_virtual_machine.this.secure_boot_enabled && azurerm_linux_virtual_machine.this.vtpm_enabled
    error_message = "Passwords are allowed, or trusted launch is off."
  }
  assert {
    condition     = azurerm_linux_virtual_machine.this.source_image_reference[0].offer == "ubuntu-24_04-lts" && azurerm_linux_virtual_machine.this.source_image_reference[0].sku == "server"
    error_message = "The image isn't Ubuntu 24.04."
  }
  assert {
    condition     = azurerm_linux_virtual_machine.this.patch_mode == "AutomaticByPlatform" && azurerm_linux_virtual_machine.this.patch_assessment_mode == "AutomaticByPlatform" && azurerm_linux_virtual_machine.this.bypass_platform_safety_checks_on_user_schedule_enabled
    error_message = "Updates aren't Azure's, in the window given."
  }
  assert {
    condition     = azurerm_maintenance_configuration.patches.install_patches[0].reboot == "IfRequired" && azurerm_maintenance_configuration.patches.window[0].recur_every == "1Week Sunday"
    error_message = "There is no window for updates and their reboot."
  }
  assert {
    condition     = !azurerm_linux_virtual_machine.this.encryption_at_host_enabled && length(azurerm_dev_test_global_vm_shutdown_schedule.night) == 0
    error_message = "Something is on that has to be asked for."
  }
  assert {
    condition     = azurerm_public_ip.this.sku == "Standard" && azurerm_public_ip.this.allocation_method == "Static" && azurerm_public_ip.this.domain_name_label == "tidemark-test"
    error_message = "The address isn't a static one with a name."
  }
  assert {
    condition     = !azurerm_subnet.this.default_outbound_access_enabled
    error_message = "The subnet has Azure's default way out."
  }
}

run "updates_come_while_the_vm_runs" {
  command = plan

  variables {
    night_shutdown = "0030"
    patch_day      = "Wednesday"
    patch_time     = "2130"
  }

  assert {
    condition     = azurerm_maintenance_configuration.patches.window[0].recur_every == "1Week Wednesday" && endswith(azurerm_maintenance_configuration.patches.window[0].start_date_time, " 21:30")
    error_message = "The window isn't the one that was asked for."
  }
  assert {
    condition     = azurerm_maintenance_configuration.patches.name == "tidemark-wednesday-2130"
    error_message = "A changed window would keep its start."
  }
}

run "arm_sizes_get_an_arm_image" {
  command = plan

  variables {
    vm_size = "Standard_D2pds_v6"
  }

  assert {
    condition     = azurerm_linux_virtual_machine.this.source_image_reference[0].sku == "server-arm64"
    error_message = "An Arm VM would get an image that it can't boot."
  }
}

run "sizes_that_fit_are_accepted" {
  command = plan

  variables {
    vm_size = "Standard_E4-2ads_v5"
  }

  assert {
    condition     = azurerm_linux_virtual_machine.this.source_image_reference[0].sku == "server"
    error_message = "An x64 VM would get an image that it can't boot."
  }
}

run "first_boot_data_are_small_and_hold_no_secret" {
  command = plan

  assert {
    condition     = length(azurerm_linux_virtual_machine.this.custom_data) < 32768
    error_message = "custom_data is too long."
  }
  assert {
    condition     = !can(regex("(?i)password|secret|accountkey|sig=|private key", join("\n", [for line in split("\n", base64decode(azurerm_linux_virtual_machine.this.custom_data)) : line if !startswith(trimspace(line), "#")])))
    error_message = "custom_data names a secret."
  }
  assert {
    condition     = strcontains(base64decode(azurerm_linux_virtual_machine.this.custom_data), "TIDEMARK_CLIENT_ID=11111111-2222-3333-4444-555555555555\n") && strcontains(base64decode(azurerm_linux_virtual_machine.this.custom_data), "TIDEMARK_SITE=tidemark-test.westeurope.cloudapp.azure.com\n")
    error_message = "The VM doesn't know its identity or its name."
  }
}

run "backups_are_reached_by_the_vm_s_identity_alone" {
  command = plan

  assert {
    condition     = !azurerm_storage_account.backups.shared_access_key_enabled && !azurerm_storage_account.backups.allow_nested_items_to_be_public && !azurerm_storage_account.backups.local_user_enabled && azurerm_storage_account.backups.https_traffic_only_enabled && azurerm_storage_account.backups.min_tls_version == "TLS1_2"
    error_message = "The account has keys, local users, public blobs or an old TLS."
  }
  assert {
    condition     = azurerm_storage_account.backups.network_rules[0].default_action == "Deny" && azurerm_storage_account.backups.network_rules[0].virtual_network_subnet_ids == toset([azurerm_subnet.this.id])
    error_message = "The account is reached from elsewhere than the VM's subnet."
  }
  assert {
    condition     = contains([for endpoint in azurerm_subnet.this.service_endpoint : endpoint.service], "Microsoft.Storage")
    error_message = "The subnet doesn't reach the account."
  }
  assert {
    condition     = azurerm_storage_account.backups.blob_properties[0].versioning_enabled && azurerm_storage_account.backups.blob_properties[0].delete_retention_policy[0].days == 30 && azurerm_storage_account.backups.blob_properties[0].container_delete_retention_policy[0].days == 30
    error_message = "What is deleted can't be had back."
  }
  assert {
    condition     = azurerm_storage_management_policy.backups.rule[0].enabled && azurerm_storage_management_policy.backups.rule[0].actions[0].base_blob[0].delete_after_days_since_creation_greater_than == 35
    error_message = "Backups are never removed."
  }
  assert {
    condition     = azurerm_storage_container.backups.container_access_type == "private"
    error_message = "The container is public."
  }
  assert {
    condition     = azurerm_role_assignment.backups.scope == azurerm_storage_container.backups.id && azurerm_role_assignment.backups.role_definition_name == "Storage Blob Data Contributor" && azurerm_role_assignment.backups.principal_id == azurerm_user_assigned_identity.vm.principal_id
    error_message = "The VM's rights aren't those on the container alone."
  }
  assert {
    condition     = azurerm_linux_virtual_machine.this.identity[0].identity_ids == toset([azurerm_user_assigned_identity.vm.id])
    error_message = "The VM has another identity."
  }
  assert {
    condition     = length(azurerm_storage_account.backups.name) <= 24 && can(regex("^tidemark[0-9a-f]{12}$", azurerm_storage_account.backups.name)) && output.backup_container == "https://${azurerm_storage_account.backups.name}.blob.core.windows.net/backups"
    error_message = "The account's name isn't one, or the output is another's."
  }
}

run "the_vm_pulls_from_the_registry_given_and_no_other" {
  command = plan

  variables {
    registry_id = "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/example"
  }

  assert {
    condition     = azurerm_role_assignment.registry[0].scope == var.registry_id && azurerm_role_assignment.registry[0].role_definition_name == "AcrPull" && azurerm_role_assignment.registry[0].principal_id == azurerm_user_assigned_identity.vm.principal_id
    error_message = "The VM can't pull from the registry, or may do more there."
  }
}

run "without_a_registry_the_vm_has_no_role_on_one" {
  command = plan

  assert {
    condition     = length(azurerm_role_assignment.registry) == 0
    error_message = "The VM has a role that nobody asked for."
  }
}

run "somebody_is_told_when_no_backup_arrives" {
  command = plan

  variables {
    alert_emails = ["someone@example.org", "another@example.org"]
  }

  assert {
    condition     = azurerm_monitor_diagnostic_setting.backups.target_resource_id == "${azurerm_storage_account.backups.id}/blobServices/default" && azurerm_monitor_diagnostic_setting.backups.log_analytics_workspace_id == azurerm_log_analytics_workspace.backups.id
    error_message = "What is watched isn't the backups' account."
  }
  assert {
    condition     = [for log in azurerm_monitor_diagnostic_setting.backups.enabled_log : log.category] == ["StorageWrite"]
    error_message = "Writes to the account aren't logged, or more than they is."
  }
  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.backups.scopes == tolist([azurerm_log_analytics_workspace.backups.id]) && azurerm_monitor_scheduled_query_rules_alert_v2.backups.enabled != false
    error_message = "The alert asks another log, or is off."
  }
  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.backups.criteria[0].time_aggregation_method == "Count" && azurerm_monitor_scheduled_query_rules_alert_v2.backups.criteria[0].operator == "LessThan" && azurerm_monitor_scheduled_query_rules_alert_v2.backups.criteria[0].threshold == 1
    error_message = "The alert doesn't fire when nothing arrives."
  }
  assert {
    condition     = strcontains(azurerm_monitor_scheduled_query_rules_alert_v2.backups.criteria[0].query, "ago(30h)") && azurerm_monitor_scheduled_query_rules_alert_v2.backups.window_duration == "P2D"
    error_message = "The query looks back further than the window, or not at one night and its repeats."
  }
  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.backups.action[0].action_groups == tolist([azurerm_monitor_action_group.administrators.id]) && toset([for mail in azurerm_monitor_action_group.administrators.email_receiver : mail.email_address]) == toset(["someone@example.org", "another@example.org"])
    error_message = "The mail goes to nobody, or to others."
  }
  assert {
    condition     = length(azurerm_monitor_action_group.administrators.short_name) <= 12
    error_message = "Azure takes short names of 12 characters at most."
  }
}

run "somebody_is_told_when_the_vm_or_the_api_is_down" {
  command = plan

  assert {
    condition     = azurerm_monitor_metric_alert.vm.scopes == toset([azurerm_linux_virtual_machine.this.id]) && azurerm_monitor_metric_alert.vm.criteria[0].metric_name == "VmAvailabilityMetric" && azurerm_monitor_metric_alert.vm.criteria[0].operator == "LessThan" && azurerm_monitor_metric_alert.vm.criteria[0].threshold == 1
    error_message = "Nobody watches whether the VM runs."
  }
  assert {
    condition     = alltrue([for test in azurerm_application_insights_standard_web_test.this : test.request[0].url == "https://tidemark-test.westeurope.cloudapp.azure.com/api/health" && length(test.geo_locations) == 3 && test.enabled])
    error_message = "The API isn't asked from outside, or from one place alone."
  }
  assert {
    condition     = azurerm_application_insights_standard_web_test.this["up"].validation_rules[0].expected_status_code == 200 && azurerm_application_insights_standard_web_test.this["up"].validation_rules[0].ssl_check_enabled && azurerm_application_insights_standard_web_test.this["up"].validation_rules[0].ssl_cert_remaining_lifetime == 7
    error_message = "The API's answer or its certificate isn't watched."
  }
  assert {
    condition     = azurerm_application_insights_standard_web_test.this["maintenance"].validation_rules[0].content[0].content_match == "\"late\"" && !azurerm_application_insights_standard_web_test.this["maintenance"].validation_rules[0].content[0].pass_if_text_found
    error_message = "Late maintenance isn't watched."
  }
  assert {
    condition     = alltrue([for key, alert in azurerm_monitor_metric_alert.web : alert.application_insights_web_test_location_availability_criteria[0].failed_location_count == 2 && contains(alert.scopes, azurerm_application_insights.this.id)])
    error_message = "No alert asks a test, or one place's own trouble is one."
  }
  assert {
    condition     = alltrue([for alert in concat([azurerm_monitor_metric_alert.vm], values(azurerm_monitor_metric_alert.web)) : alert.enabled && one(alert.action).action_group_id == azurerm_monitor_action_group.administrators.id])
    error_message = "An alert is off, or its mail goes to nobody."
  }
}

run "somebody_is_told_when_a_disk_fills_or_a_unit_fails" {
  command = plan

  assert {
    condition     = azurerm_monitor_data_collection_rule_association.vm.target_resource_id == azurerm_linux_virtual_machine.this.id && azurerm_monitor_data_collection_rule_association.vm.data_collection_rule_id == azurerm_monitor_data_collection_rule.vm.id
    error_message = "The rule isn't the VM's."
  }
  assert {
    condition     = azurerm_virtual_machine_extension.monitor.type == "AzureMonitorLinuxAgent" && strcontains(azurerm_virtual_machine_extension.monitor.settings, azurerm_user_assigned_identity.vm.id)
    error_message = "Nobody collects on the VM, or not as its identity."
  }
  assert {
    condition     = one(azurerm_monitor_data_collection_rule.vm.data_sources[0].performance_counter).counter_specifiers == tolist(["Logical Disk(*)\\% Used Space"]) && one(azurerm_monitor_data_collection_rule.vm.destinations[0].log_analytics).workspace_resource_id == azurerm_log_analytics_workspace.backups.id
    error_message = "The disks' space isn't collected."
  }
  assert {
    condition     = strcontains(azurerm_monitor_scheduled_query_rules_alert_v2.vm["disk-full"].criteria[0].query, "\"/srv/tidemark\"") && azurerm_monitor_scheduled_query_rules_alert_v2.vm["disk-full"].criteria[0].metric_measure_column == "CounterValue" && azurerm_monitor_scheduled_query_rules_alert_v2.vm["disk-full"].criteria[0].threshold == 90
    error_message = "A full data disk is told by nobody."
  }
  assert {
    condition     = strcontains(azurerm_monitor_scheduled_query_rules_alert_v2.vm["unit-failed"].criteria[0].query, "\"Failed to start\"") && azurerm_monitor_scheduled_query_rules_alert_v2.vm["unit-failed"].criteria[0].threshold == 0
    error_message = "A failed unit is told by nobody."
  }
  assert {
    condition     = alltrue([for alert in azurerm_monitor_scheduled_query_rules_alert_v2.vm : alert.action[0].action_groups == tolist([azurerm_monitor_action_group.administrators.id]) && alert.scopes == tolist([azurerm_log_analytics_workspace.backups.id])])
    error_message = "An alert asks another log, or its mail goes to nobody."
  }
}

run "a_vm_that_sleeps_at_night_is_no_alarm" {
  command = plan

  variables {
    night_shutdown = "2200"
    patch_time     = "1900"
  }

  assert {
    condition     = !azurerm_monitor_metric_alert.vm.enabled && alltrue([for alert in azurerm_monitor_metric_alert.web : !alert.enabled]) && alltrue([for test in azurerm_application_insights_standard_web_test.this : !test.enabled])
    error_message = "There would be a mail every night."
  }
}

run "what_holds_readings_is_locked" {
  command = plan

  assert {
    condition     = { for key, lock in azurerm_management_lock.kept : lock.scope => lock.lock_level } == { (azurerm_managed_disk.data.id) = "CanNotDelete", (azurerm_storage_account.backups.id) = "CanNotDelete" }
    error_message = "The data disk or the backups can be deleted in the portal."
  }
}

run "every_resource_that_can_be_is_tagged" {
  command = plan

  assert {
    condition = alltrue([for tags in [
      azurerm_resource_group.base.tags, azurerm_resource_group.vm.tags, azurerm_virtual_network.this.tags, azurerm_network_security_group.this.tags,
      azurerm_public_ip.this.tags, azurerm_managed_disk.data.tags, azurerm_user_assigned_identity.vm.tags, azurerm_storage_account.backups.tags,
      azurerm_network_interface.vm.tags, azurerm_linux_virtual_machine.this.tags, azurerm_maintenance_configuration.patches.tags,
      azurerm_dev_test_global_vm_shutdown_schedule.night[0].tags, azurerm_log_analytics_workspace.backups.tags, azurerm_monitor_action_group.administrators.tags,
      azurerm_monitor_scheduled_query_rules_alert_v2.backups.tags, azurerm_application_insights.this.tags, azurerm_monitor_metric_alert.vm.tags,
      azurerm_virtual_machine_extension.monitor.tags, azurerm_monitor_data_collection_rule.vm.tags,
    ] : tags == tomap({ application = "tidemark", managed_by = "terraform", owner = "someone" })])
    error_message = "A resource lacks a tag."
  }
  assert {
    condition = alltrue([for tags in concat(
      values(azurerm_application_insights_standard_web_test.this)[*].tags, values(azurerm_monitor_metric_alert.web)[*].tags,
      values(azurerm_monitor_scheduled_query_rules_alert_v2.vm)[*].tags,
    ) : tags == tomap({ application = "tidemark", managed_by = "terraform", owner = "someone" })])
    error_message = "A test or an alert lacks a tag."
  }

  variables {
    night_shutdown = "2200"
    patch_time     = "1900"
  }
}

run "the_budget_covers_both_groups" {
  command = plan

  assert {
    condition     = one(azurerm_consumption_budget_subscription.this[0].filter[0].dimension).values == tolist(["tidemark", "tidemark-vm"])
    error_message = "The budget leaves out what this makes."
  }
  assert {
    condition     = toset([for mail in azurerm_consumption_budget_subscription.this[0].notification : mail.threshold]) == toset([50, 80, 100]) && alltrue([for mail in azurerm_consumption_budget_subscription.this[0].notification : mail.contact_emails == tolist(["someone@example.org"])])
    error_message = "Nobody is told in time."
  }
}

run "without_a_budget_there_is_none" {
  command = plan

  variables {
    monthly_budget = null
  }

  assert {
    condition     = length(azurerm_consumption_budget_subscription.this) == 0
    error_message = "A subscription whose offer has no budgets would be refused."
  }
}

run "outputs_lead_to_the_api" {
  command = plan

  variables {
    domain      = "iot.example.org"
    admin_cidrs = ["203.0.113.7/32"]
  }

  assert {
    condition     = output.address == "198.51.100.7" && output.api_url == "https://iot.example.org" && strcontains(output.try, "https://iot.example.org/api/sensors/sensor_001/hourly?period=1w")
    error_message = "The outputs lead elsewhere."
  }
  assert {
    condition     = strcontains(base64decode(azurerm_linux_virtual_machine.this.custom_data), "TIDEMARK_SITE=iot.example.org\n")
    error_message = "The proxy would ask for another name's certificate."
  }
}
