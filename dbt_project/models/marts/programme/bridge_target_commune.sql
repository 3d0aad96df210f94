-- Only groups of which every member is known: a part of a group would look like the whole.
with target_year as (
    select *
    from {{ ref('int_target__year') }}
    where scope_code <> 'province' or is_redrawn
),

membership as (
    select distinct
        target_code,
        scope_code,
        province_code,
        standard_code,
        membership_year,
        make_date(membership_year, 12, 31) as membership_on
    from target_year
    where scope_code <> 'province'
),

-- Who tells by the profile which communes belong to the group: the districts, in the two-level system the communes.
reporting_unit as (
    select
        membership.*,
        target_group.condition,
        target_group.least_poor_rate,
        unit.code as unit_code
    from membership
    inner join {{ ref('target_group') }} as target_group on membership.scope_code = target_group.scope_code
    inner join {{ ref('dim_admin_unit') }} as unit
        on
            membership.province_code = unit.province_code
            and membership.membership_on between unit.valid_from and coalesce(unit.valid_to, 'infinity')
            and (unit.level = 'district' or (unit.level = 'commune' and unit.system = 'two_level'))
            and coalesce(target_group.district_code, unit.code) = unit.code
),

judged as (
    select
        reporting_unit.target_code,
        reporting_unit.membership_year,
        reporting_unit.membership_on,
        profile.commune_code,
        case
            when profile.commune_code is null then null
            when reporting_unit.condition = 'every_commune' then true
            when reporting_unit.condition = 'poor_commune' then profile.is_poor_commune
            when reporting_unit.condition = 'programme_135' then profile.is_programme_135
            when reporting_unit.condition = 'poor_district' then poor_district.district_code is not null
            when reporting_unit.condition = 'not_extremely_difficult'
                then not profile.is_extremely_difficult and poor_rate.value >= reporting_unit.least_poor_rate
        end as is_member
    from reporting_unit
    left join {{ ref('fct_commune_profile') }} as profile
        on
            reporting_unit.unit_code = coalesce(profile.district_code, profile.commune_code)
            and reporting_unit.membership_year = profile.year
    left join {{ ref('poor_district') }} as poor_district
        on
            profile.district_code = poor_district.district_code
            and reporting_unit.membership_on between poor_district.valid_from and poor_district.valid_to
    left join {{ ref('fct_indicator') }} as poor_rate
        on
            profile.commune_code = poor_rate.admin_unit_code
            and profile.period_code = poor_rate.period_code
            and reporting_unit.standard_code = poor_rate.standard_code
            and poor_rate.admin_unit_level = 'commune'
            and poor_rate.indicator_code = 'poor_household_rate'
            and poor_rate.breakdown_code = ''
            and poor_rate.is_publishable
),

group_known as (
    select
        target_code,
        membership_year
    from judged
    group by target_code, membership_year
    having count(*) = count(is_member)
),

named as (
    select distinct
        target_year.target_code,
        target_year.period_code,
        target_year.period_end_on,
        judged.membership_on as named_on,
        judged.commune_code
    from judged
    inner join group_known using (target_code, membership_year)
    inner join target_year using (target_code, membership_year)
    where judged.is_member
    union
    -- what the province of the plan was
    select
        target_year.target_code,
        target_year.period_code,
        target_year.period_end_on,
        target_year.province_ended_on,
        unit.code
    from target_year
    inner join {{ ref('dim_admin_unit') }} as unit
        on
            target_year.province_code = unit.province_code
            and target_year.province_ended_on between unit.valid_from and coalesce(unit.valid_to, 'infinity')
            and unit.level = 'commune'
    where target_year.scope_code = 'province'
),

two_level as (
    select min(valid_from) as begins_on
    from {{ ref('dim_admin_unit') }}
    where system = 'two_level'
),

succeeded as (
    select
        named.*,
        successor.new_commune_code
    from named
    cross join two_level
    left join {{ ref('bridge_admin_unit_successor') }} as successor on named.commune_code = successor.old_commune_code
    where named.named_on < two_level.begins_on and named.period_end_on >= two_level.begins_on
),

taken_over as (
    select
        successor.old_commune_code,
        successor.new_commune_code,
        unit.valid_from,
        coalesce(unit.valid_to, 'infinity') as valid_until
    from {{ ref('bridge_admin_unit_successor') }} as successor
    inner join {{ ref('dim_admin_unit') }} as unit
        on
            successor.old_commune_code = unit.code
            and unit.level = 'commune'
            and unit.system = 'three_level'
),

-- A new commune that took in others, too, or an old one that went nobody knows where.
not_kept_apart as (
    select
        succeeded.target_code,
        succeeded.period_code
    from succeeded
    left join taken_over
        on
            succeeded.new_commune_code = taken_over.new_commune_code
            and succeeded.named_on between taken_over.valid_from and taken_over.valid_until
    left join named
        on
            succeeded.target_code = named.target_code
            and succeeded.period_code = named.period_code
            and taken_over.old_commune_code = named.commune_code
    where named.commune_code is null
),

carried as (
    select
        named.target_code,
        named.period_code,
        named.commune_code,
        true as is_at_year_end
    from named
    cross join two_level
    where named.named_on >= two_level.begins_on or named.period_end_on < two_level.begins_on
    union all
    select
        target_code,
        period_code,
        new_commune_code,
        true
    from succeeded
    union all
    -- supports, loans and activities of the first half of that year name the old communes
    select
        succeeded.target_code,
        succeeded.period_code,
        succeeded.commune_code,
        false
    from succeeded
    cross join two_level
    where succeeded.period_code = extract(year from two_level.begins_on)::text
)

select
    carried.target_code,
    carried.period_code,
    carried.commune_code,
    bool_or(carried.is_at_year_end) as is_at_year_end
from carried
left join not_kept_apart
    on
        carried.target_code = not_kept_apart.target_code
        and carried.period_code = not_kept_apart.period_code
where not_kept_apart.target_code is null
group by carried.target_code, carried.period_code, carried.commune_code
