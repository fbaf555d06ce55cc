# What variables refuse, each with nothing else wrong.
mock_provider "azurerm" {
  override_during = plan
}

variables {
  subscription_id = "01234567-89ab-cdef-0123-456789abcdef"
  dns_label       = "tidemark-test"
  ssh_public_key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE9Yc0b2tL7n2m0Y1hJmQb3uXlG5pZ8w4kq6sT1vRfAa someone@example.org"
  monthly_budget  = 100
  alert_emails    = ["someone@example.org"]
}

run "subscription_id_name" {
  command = plan

  variables {
    subscription_id = "my-subscription"
  }

  expect_failures = [var.subscription_id]
}

run "location_display_name" {
  command = plan

  variables {
    location = "West Europe"
  }

  expect_failures = [var.location]
}

run "name_upper_case" {
  command = plan

  variables {
    name = "Tidemark"
  }

  expect_failures = [var.name]
}

run "dns_label_dotted" {
  command = plan

  variables {
    dns_label = "tidemark.example"
  }

  expect_failures = [var.dns_label]
}

run "domain_url" {
  command = plan

  variables {
    domain = "https://example.org"
  }

  expect_failures = [var.domain]
}

run "admin_username_reserved" {
  command = plan

  variables {
    admin_username = "root"
  }

  expect_failures = [var.admin_username]
}

run "ssh_public_key_private" {
  command = plan

  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }

  expect_failures = [var.ssh_public_key]
}

run "ssh_public_key_short_rsa" {
  command = plan

  variables {
    ssh_public_key = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7"
  }

  expect_failures = [var.ssh_public_key]
}

run "admin_cidrs_everyone" {
  command = plan

  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.admin_cidrs]
}

run "admin_cidrs_everyone_ipv6" {
  command = plan

  variables {
    admin_cidrs = ["::/0"]
  }

  expect_failures = [var.admin_cidrs]
}

run "admin_cidrs_wide" {
  command = plan

  variables {
    admin_cidrs = ["10.0.0.0/8"]
  }

  expect_failures = [var.admin_cidrs]
}

run "admin_cidrs_halves_of_everyone" {
  command = plan

  variables {
    admin_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [var.admin_cidrs]
}

run "admin_cidrs_wide_among_narrow" {
  command = plan

  variables {
    admin_cidrs = ["203.0.113.7/32", "203.0.0.0/16"]
  }

  expect_failures = [var.admin_cidrs]
}

run "admin_cidrs_no_prefix" {
  command = plan

  variables {
    admin_cidrs = ["203.0.113.7"]
  }

  expect_failures = [var.admin_cidrs]
}

run "admin_cidrs_tag" {
  command = plan

  variables {
    admin_cidrs = ["Internet"]
  }

  expect_failures = [var.admin_cidrs]
}

run "vm_size_no_azure" {
  command = plan

  variables {
    vm_size = "t3.medium"
  }

  expect_failures = [var.vm_size]
}

run "vm_size_half_a_gib" {
  command = plan

  variables {
    vm_size = "Standard_B1ls"
  }

  expect_failures = [var.vm_size]
}

run "vm_size_tiny_memory" {
  command = plan

  variables {
    vm_size = "Standard_B2ats_v2"
  }

  expect_failures = [var.vm_size]
}

run "vm_size_first_generation" {
  command = plan

  variables {
    vm_size        = "Standard_D2_v3"
    data_disk_type = "StandardSSD_LRS"
  }

  expect_failures = [var.vm_size]
}

run "vm_size_arm_without_trusted_launch" {
  command = plan

  variables {
    vm_size = "Standard_D2ps_v5"
  }

  expect_failures = [var.vm_size]
}

run "data_disk_type_premium_on_a_size_without" {
  command = plan

  variables {
    vm_size = "Standard_D2a_v4"
  }

  expect_failures = [var.data_disk_type]
}

run "data_disk_gb_small" {
  command = plan

  variables {
    data_disk_gb = 8
  }

  expect_failures = [var.data_disk_gb]
}

run "data_disk_gb_fraction" {
  command = plan

  variables {
    data_disk_gb = 64.5
  }

  expect_failures = [var.data_disk_gb]
}

run "data_disk_type_slow" {
  command = plan

  variables {
    data_disk_type = "Standard_LRS"
  }

  expect_failures = [var.data_disk_type]
}

run "backup_days_few" {
  command = plan

  variables {
    backup_days = 1
  }

  expect_failures = [var.backup_days]
}

run "backup_replication_unknown" {
  command = plan

  variables {
    backup_replication = "RAID"
  }

  expect_failures = [var.backup_replication]
}

run "registry_id_host" {
  command = plan

  variables {
    registry_id = "example.azurecr.io"
  }

  expect_failures = [var.registry_id]
}

run "monthly_budget_nothing" {
  command = plan

  variables {
    monthly_budget = 0
  }

  expect_failures = [var.monthly_budget]
}

run "alert_emails_nobody" {
  command = plan

  variables {
    alert_emails = []
  }

  expect_failures = [var.alert_emails]
}

run "alert_emails_no_address" {
  command = plan

  variables {
    alert_emails = ["someone"]
  }

  expect_failures = [var.alert_emails]
}

run "night_shutdown_colon" {
  command = plan

  variables {
    night_shutdown = "22:00"
  }

  expect_failures = [var.night_shutdown]
}

run "night_shutdown_late" {
  command = plan

  variables {
    night_shutdown = "2500"
  }

  expect_failures = [var.night_shutdown]
}

run "patch_day_short" {
  command = plan

  variables {
    patch_day = "Sun"
  }

  expect_failures = [var.patch_day]
}

run "patch_time_colon" {
  command = plan

  variables {
    patch_time = "03:00"
  }

  expect_failures = [var.patch_time]
}

run "patch_time_while_the_vm_is_off" {
  command = plan

  variables {
    night_shutdown = "2200"
  }

  expect_failures = [var.patch_time]
}

run "patch_time_too_late_before_the_shutdown" {
  command = plan

  variables {
    night_shutdown = "0030"
    patch_time     = "2300"
  }

  expect_failures = [var.patch_time]
}

run "tags_slash" {
  command = plan

  variables {
    tags = { "a/b" = "c" }
  }

  expect_failures = [var.tags]
}
