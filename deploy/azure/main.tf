# One VM that runs deploy/docker, behind 80 and 443 alone. What has to outlive the VM (network, address, data disk,
# backups) lies in one resource group, the VM and what goes with it in another: see docs/deploy-azure.md. Backups: backups.tf.
locals {
  tags = merge(var.tags, { application = "tidemark", managed_by = "terraform" })
  fqdn = "${var.dns_label}.${var.location}.cloudapp.azure.com"
  site = coalesce(var.domain, local.fqdn)

  # Arm sizes have a p behind their number, and an image of their own.
  arm = can(regex("^Standard_[A-Z]+[0-9-]+[a-z]*p", var.vm_size))

  # The place at which the VM finds its data disk, however it is attached.
  data_lun = 10

  # Storage accounts are named for the whole world: 24 letters and digits.
  account   = "${substr(replace(var.name, "-", ""), 0, 12)}${substr(sha256("${var.subscription_id}/${var.name}"), 0, 12)}"
  container = "backups"

  # Everything that may come in. What isn't here is closed; the database's and the API's own ports never are.
  inbound = merge(
    {
      http  = { priority = 100, port = 80, from = ["Internet"], why = "Certificates, and the way to HTTPS" }
      https = { priority = 110, port = 443, from = ["Internet"], why = "The API" }
    },
    length(var.admin_cidrs) == 0 ? {} : {
      ssh = { priority = 120, port = 22, from = var.admin_cidrs, why = "Administrators" }
    },
  )
}

resource "azurerm_resource_group" "base" {
  name     = var.name
  location = var.location
  tags     = local.tags
}

resource "azurerm_resource_group" "vm" {
  name     = "${var.name}-vm"
  location = var.location
  tags     = local.tags
}

# --- Network ---------------------------------------------------------------------------------------------------------

resource "azurerm_virtual_network" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.base.name
  location            = var.location
  address_space       = ["10.77.0.0/24"]
  tags                = local.tags
}

resource "azurerm_subnet" "this" {
  name                            = "vm"
  resource_group_name             = azurerm_resource_group.base.name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = ["10.77.0.0/27"]
  default_outbound_access_enabled = false

  service_endpoint {
    service = "Microsoft.Storage"
  }
}

resource "azurerm_network_security_group" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.base.name
  location            = var.location
  tags                = local.tags
}

resource "azurerm_network_security_rule" "inbound" {
  for_each = local.inbound

  name                        = "allow-${each.key}"
  description                 = each.value.why
  resource_group_name         = azurerm_resource_group.base.name
  network_security_group_name = azurerm_network_security_group.this.name
  priority                    = each.value.priority
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_port_range           = "*"
  source_address_prefix       = length(each.value.from) == 1 ? each.value.from[0] : null
  source_address_prefixes     = length(each.value.from) == 1 ? null : each.value.from
  destination_port_range      = tostring(each.value.port)
  destination_address_prefix  = "*"
}

# Azure's own last rules would let the virtual network and its load balancers in.
resource "azurerm_network_security_rule" "deny" {
  name                        = "deny-rest"
  description                 = "Everything else"
  resource_group_name         = azurerm_resource_group.base.name
  network_security_group_name = azurerm_network_security_group.this.name
  priority                    = 4096
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_port_range           = "*"
  source_address_prefix       = "*"
  destination_port_range      = "*"
  destination_address_prefix  = "*"
}

resource "azurerm_subnet_network_security_group_association" "this" {
  subnet_id                 = azurerm_subnet.this.id
  network_security_group_id = azurerm_network_security_group.this.id
}

resource "azurerm_public_ip" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.base.name
  location            = var.location
  sku                 = "Standard"
  allocation_method   = "Static"
  domain_name_label   = var.dns_label
  tags                = local.tags
}

# --- Data ------------------------------------------------------------------------------------------------------------

resource "azurerm_managed_disk" "data" {
  name                          = "${var.name}-data"
  resource_group_name           = azurerm_resource_group.base.name
  location                      = var.location
  storage_account_type          = var.data_disk_type
  create_option                 = "Empty"
  disk_size_gb                  = var.data_disk_gb
  network_access_policy         = "DenyAll"
  public_network_access_enabled = false
  tags                          = local.tags

  # Terraform stops before it would delete the readings, on purpose. It has to be written out: no variable can be here.
  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_user_assigned_identity" "vm" {
  name                = var.name
  resource_group_name = azurerm_resource_group.base.name
  location            = var.location
  tags                = local.tags
}

# To pull, and nothing else: see registry-login.sh.
resource "azurerm_role_assignment" "registry" {
  count = var.registry_id == null ? 0 : 1

  scope                = var.registry_id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.vm.principal_id
  principal_type       = "ServicePrincipal"
}

# --- VM --------------------------------------------------------------------------------------------------------------

resource "azurerm_network_interface" "vm" {
  name                = var.name
  resource_group_name = azurerm_resource_group.vm.name
  location            = var.location
  tags                = local.tags

  ip_configuration {
    name                          = "primary"
    subnet_id                     = azurerm_subnet.this.id
    private_ip_address_allocation = "Dynamic"
    public_ip_address_id          = azurerm_public_ip.this.id
  }

  # Never in a network that is still open.
  depends_on = [azurerm_subnet_network_security_group_association.this, azurerm_network_security_rule.deny]
}

resource "azurerm_linux_virtual_machine" "this" {
  name                            = var.name
  resource_group_name             = azurerm_resource_group.vm.name
  location                        = var.location
  size                            = var.vm_size
  network_interface_ids           = [azurerm_network_interface.vm.id]
  admin_username                  = var.admin_username
  disable_password_authentication = true
  encryption_at_host_enabled      = var.encryption_at_host
  secure_boot_enabled             = true
  vtpm_enabled                    = true
  tags                            = local.tags

  # Security updates by Azure, in the window of the maintenance configuration.
  patch_mode                                             = "AutomaticByPlatform"
  patch_assessment_mode                                  = "AutomaticByPlatform"
  bypass_platform_safety_checks_on_user_schedule_enabled = true

  custom_data = base64encode(templatefile("${path.module}/cloud-init.yaml.tftpl", {
    docker_setup     = file("${path.module}/docker-setup.sh")
    data_disk        = file("${path.module}/data-disk.sh")
    disk_service     = file("${path.module}/systemd/tidemark-disk.service")
    resume_service   = file("${path.module}/systemd/tidemark-resume.service")
    lun              = local.data_lun
    site             = local.site
    backup_container = "https://${local.account}.blob.core.windows.net/${local.container}"
    client_id        = azurerm_user_assigned_identity.vm.client_id
  }))

  admin_ssh_key {
    username   = var.admin_username
    public_key = trimspace(var.ssh_public_key)
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.vm.id]
  }

  source_image_reference {
    publisher = "Canonical"
    offer     = "ubuntu-24_04-lts"
    sku       = local.arm ? "server-arm64" : "server"
    version   = "latest"
  }

  os_disk {
    name                 = "${var.name}-os"
    caching              = "ReadWrite"
    storage_account_type = "StandardSSD_LRS"
    disk_size_gb         = 32
  }

  # Kept by Azure: `az vm boot-diagnostics get-boot-log` shows why a VM doesn't come up.
  boot_diagnostics {}

  # A changed script makes no new VM: what it set up stays as it is until somebody replaces the VM
  # (`terraform plan -replace=azurerm_linux_virtual_machine.this`). The same for a newer release of the image, and for another
  # key: the one of a running VM is changed on it, see docs/deploy-azure.md.
  lifecycle {
    ignore_changes = [custom_data, admin_ssh_key, source_image_reference[0].version]
  }
}

resource "azurerm_virtual_machine_data_disk_attachment" "data" {
  managed_disk_id    = azurerm_managed_disk.data.id
  virtual_machine_id = azurerm_linux_virtual_machine.this.id
  lun                = local.data_lun
  caching            = "None"
}

# Another window makes another configuration, since its start can't be changed: it would be a new one every day.
resource "azurerm_maintenance_configuration" "patches" {
  name                     = lower("${var.name}-${var.patch_day}-${var.patch_time}")
  resource_group_name      = azurerm_resource_group.vm.name
  location                 = var.location
  scope                    = "InGuestPatch"
  in_guest_user_patch_mode = "User"
  tags                     = local.tags

  window {
    # The first day may not be a past one; after that only day and hour count.
    start_date_time = "${formatdate("YYYY-MM-DD", timeadd(plantimestamp(), "24h"))} ${substr(var.patch_time, 0, 2)}:${substr(var.patch_time, 2, 2)}"
    duration        = "02:00"
    recur_every     = "1Week ${var.patch_day}"
    time_zone       = "UTC"
  }

  install_patches {
    reboot = "IfRequired"

    linux {
      classifications_to_include = ["Critical", "Security"]
    }
  }

  lifecycle {
    ignore_changes = [window[0].start_date_time]
  }
}

resource "azurerm_maintenance_assignment_virtual_machine" "patches" {
  location                     = var.location
  maintenance_configuration_id = azurerm_maintenance_configuration.patches.id
  virtual_machine_id           = azurerm_linux_virtual_machine.this.id
}

resource "azurerm_dev_test_global_vm_shutdown_schedule" "night" {
  count = var.night_shutdown == null ? 0 : 1

  virtual_machine_id    = azurerm_linux_virtual_machine.this.id
  location              = var.location
  daily_recurrence_time = var.night_shutdown
  timezone              = "UTC"
  tags                  = local.tags

  notification_settings {
    enabled = false
  }
}

# --- Costs -----------------------------------------------------------------------------------------------------------

resource "azurerm_consumption_budget_subscription" "this" {
  count = var.monthly_budget == null ? 0 : 1

  name            = var.name
  subscription_id = "/subscriptions/${var.subscription_id}"
  amount          = var.monthly_budget
  time_grain      = "Monthly"

  filter {
    dimension {
      name   = "ResourceGroupName"
      values = [azurerm_resource_group.base.name, azurerm_resource_group.vm.name]
    }
  }

  time_period {
    start_date = formatdate("YYYY-MM-01'T'00:00:00'Z'", plantimestamp())
  }

  dynamic "notification" {
    for_each = [50, 80, 100]

    content {
      operator       = "GreaterThan"
      threshold      = notification.value
      contact_emails = var.alert_emails
    }
  }

  notification {
    operator       = "GreaterThan"
    threshold      = 100
    threshold_type = "Forecasted"
    contact_emails = var.alert_emails
  }

  lifecycle {
    ignore_changes = [time_period]
  }
}
