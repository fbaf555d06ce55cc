variable "subscription_id" {
  description = "Id of the subscription that pays: `az account show --query id`."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "A subscription's id is a GUID in lower case, such as 01234567-89ab-cdef-0123-456789abcdef."
  }
}

variable "location" {
  description = "Region, in its short form: `az account list-locations --query '[].name'`."
  type        = string
  default     = "westeurope"

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "A region is written in its short form, such as westeurope or eastus2."
  }
}

variable "name" {
  description = "What every resource's name begins with."
  type        = string
  default     = "tidemark"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 20 lower-case letters, digits and hyphens, begins with a letter and doesn't end with a hyphen."
  }
}

variable "dns_label" {
  description = "First part of the host name DNS_LABEL.LOCATION.cloudapp.azure.com; nobody else in the region may have it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.dns_label))
    error_message = "A DNS label has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and doesn't end with a hyphen."
  }
}

variable "domain" {
  description = "A host name of your own for the API, once it points at the address; null for the one of dns_label."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A domain is a host name in lower case without scheme, port or path, such as tidemark.example.org."
  }
}

variable "admin_username" {
  description = "The user that SSH signs in; another one makes a new VM."
  type        = string
  default     = "azureuser"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_-]{0,30}$", var.admin_username)) && !contains(["admin", "administrator", "root", "user", "test", "guest"], var.admin_username)
    error_message = "A user name has up to 31 lower-case letters, digits, hyphens and underscores, begins with a letter, and is none that Azure reserves (admin, root, …)."
  }
}

variable "ssh_public_key" {
  description = "Public key for SSH: the text of ~/.ssh/id_ed25519.pub; another one counts for the next VM."
  type        = string

  validation {
    condition     = can(regex("^(ssh-ed25519 AAAAC3NzaC1lZDI1NTE5[A-Za-z0-9+/]{48,}|ssh-rsa AAAAB3NzaC1yc2[A-Za-z0-9+/]{340,}={0,2})( [^\n]*)?\n?$", var.ssh_public_key))
    error_message = "The key is a public one on one line, ssh-ed25519 or ssh-rsa of 2048 bits or more."
  }
}

variable "admin_cidrs" {
  description = "Addresses that may use SSH, such as [\"203.0.113.7/32\"]; with none, port 22 is closed."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : can(cidrhost(cidr, 0)) && strcontains(cidr, "/")])
    error_message = "Each entry is a range of addresses with its prefix, such as 203.0.113.7/32."
  }

  # An IPv4 range of /24 has 256 addresses; an IPv6 /56 is what one customer line usually gets.
  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : try(tonumber(split("/", cidr)[1]) >= (strcontains(cidr, ":") ? 56 : 24), false)])
    error_message = "SSH is for known addresses: IPv4 ranges are /24 or smaller, IPv6 ranges /56 or smaller; never 0.0.0.0/0 or ::/0."
  }
}

variable "vm_size" {
  description = "Size of the VM; TimescaleDB and the API need 2 processors and 4 GiB at least."
  type        = string
  default     = "Standard_B2as_v2"

  validation {
    condition     = can(regex("^Standard_[A-Z][A-Za-z0-9_-]+$", var.vm_size))
    error_message = "A size is written as Azure does, such as Standard_B2as_v2: `az vm list-skus --location LOCATION --resource-type virtualMachines`."
  }

  # In a size's name the number is that of the processors, and the letters behind it say what is special: t tiny memory, p Arm, s premium disks.
  validation {
    condition     = !can(regex("^Standard_[A-Z]+(1([^0-9]|$)|[0-9-]+[a-z]*t)", var.vm_size))
    error_message = "One processor, or less than 4 GiB, is too little for TimescaleDB and the API: Standard_B2as_v2 has 2 and 8 GiB."
  }

  validation {
    condition     = !can(regex("^Standard_(A[0-9]|D[0-9]+(_v[23])?$)", var.vm_size)) && (!can(regex("^Standard_[A-Z]+[0-9-]+[a-z]*p", var.vm_size)) || can(regex("_v([6-9]|[1-9][0-9])$", var.vm_size)))
    error_message = "That size has no trusted launch. x64: Standard_B2as_v2, Standard_D2as_v5, say; Arm: version 6 or later, such as Standard_D2ps_v6."
  }
}

variable "data_disk_gb" {
  description = "Size of the data disk in GiB; it can grow, never shrink."
  type        = number
  default     = 64

  validation {
    condition     = var.data_disk_gb >= 16 && var.data_disk_gb <= 32767 && floor(var.data_disk_gb) == var.data_disk_gb
    error_message = "The data disk has 16 to 32767 GiB, in whole ones."
  }
}

variable "data_disk_type" {
  description = "Kind of the data disk."
  type        = string
  default     = "Premium_LRS"

  validation {
    condition     = contains(["Premium_LRS", "Premium_ZRS", "StandardSSD_LRS", "StandardSSD_ZRS"], var.data_disk_type)
    error_message = "The data disk is Premium_LRS, Premium_ZRS, StandardSSD_LRS or StandardSSD_ZRS."
  }

  validation {
    condition     = !startswith(var.data_disk_type, "Premium") || can(regex("^Standard_([A-Z]+S[0-9]|[A-Z]+[0-9-]+[a-z]*s)", var.vm_size))
    error_message = "A size without an s behind its number takes no premium disk: another vm_size, such as Standard_D2s_v5, or data_disk_type = \"StandardSSD_LRS\"."
  }
}

variable "encryption_at_host" {
  description = "Encrypts caches and temporary disks too; the subscription has to have the feature EncryptionAtHost."
  type        = bool
  default     = false
}

variable "backup_days" {
  description = "How long a backup is kept off the machine, in days."
  type        = number
  default     = 35

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 3650 && floor(var.backup_days) == var.backup_days
    error_message = "Backups are kept for 7 to 3650 days."
  }
}

variable "backup_replication" {
  description = "How the backups' storage account is replicated; ZRS needs a region with zones."
  type        = string
  default     = "ZRS"

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS"], var.backup_replication)
    error_message = "The replication is LRS, ZRS, GRS or GZRS."
  }
}

variable "registry_id" {
  description = "Id of an Azure container registry that the VM may pull Tidemark's image from: `az acr show --name NAME --query id`; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.registry_id == null || can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.ContainerRegistry/registries/[A-Za-z0-9]+$", var.registry_id))
    error_message = "A registry's id begins with /subscriptions/ and ends with /providers/Microsoft.ContainerRegistry/registries/NAME."
  }
}

variable "monthly_budget" {
  description = "What this may cost a month, in the subscription's currency; mails are sent at 50, 80 and 100 %. It stops nothing. Null for none, where the subscription's offer has no budgets."
  type        = number

  validation {
    condition     = var.monthly_budget == null || try(var.monthly_budget >= 1, false)
    error_message = "The budget is 1 or more, or null for none."
  }
}

variable "alert_emails" {
  description = "Who is told about the budget, and when no backup arrives."
  type        = list(string)

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for email in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "There is at least one address, and each is a mail address."
  }
}

variable "night_shutdown" {
  description = "Time at which the VM is switched off every day, such as \"2200\" in UTC; null for never. Nothing switches it on again."
  type        = string
  default     = null

  validation {
    condition     = var.night_shutdown == null || can(regex("^([01][0-9]|2[0-3])[0-5][0-9]$", var.night_shutdown))
    error_message = "A time has four digits and no colon, such as \"2200\"."
  }
}

variable "patch_day" {
  description = "Day of the week on which security updates are installed, with a reboot if one is needed."
  type        = string
  default     = "Sunday"

  validation {
    condition     = contains(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"], var.patch_day)
    error_message = "The day is Monday, Tuesday, …, Sunday."
  }
}

variable "patch_time" {
  description = "When the two hours for security updates begin, such as \"0300\" in UTC. Azure patches running machines alone: with night_shutdown, while the VM runs."
  type        = string
  default     = "0300"

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3])[0-5][0-9]$", var.patch_time))
    error_message = "A time has four digits and no colon, such as \"0300\"."
  }

  # Nothing switches the VM on again, so nobody knows from when on it runs: half a day before the shutdown is assumed.
  validation {
    condition = var.night_shutdown == null || try(contains(range(120, 721), (
      (tonumber(substr(var.night_shutdown, 0, 2)) - tonumber(substr(var.patch_time, 0, 2)) + 24) * 60
      + tonumber(substr(var.night_shutdown, 2, 2)) - tonumber(substr(var.patch_time, 2, 2))
    ) % 1440), false)
    error_message = "With night_shutdown the VM is off at that time, and would never be patched: choose a patch_time 2 to 12 hours before the shutdown."
  }
}

variable "tags" {
  description = "Tags on every resource that can have them, besides those of this module."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 40 && alltrue([for key, value in var.tags : length(key) <= 128 && length(value) <= 256 && !can(regex("[<>%&\\\\?/]", key))])
    error_message = "There are at most 40 tags; a name has up to 128 characters and none of < > % & \\ ? /, a value up to 256."
  }
}
